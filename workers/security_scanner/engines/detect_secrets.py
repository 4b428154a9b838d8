"""Which secrets does detect-secrets see in a directory?

Verification against the issuing service is off: a scanner must not send what it found anywhere.
"""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import PurePosixPath
from typing import Any

from workers.security_scanner.engines.process import ScanRequest, run_engine
from workers.security_scanner.engines.report import EngineOutput, parse_json
from workers.security_scanner.findings import DIGEST_LENGTH, HARD_CODED_CREDENTIAL, Finding, Severity, Source

NAME = "detect_secrets"
ALLOWLIST_FILTER = "detect_secrets.filters.allowlist.is_line_allowlisted"
GUESSES = frozenset({"Secret Keyword", "Base64 High Entropy String", "Hex High Entropy String"})
CODES = frozenset({0})


def version() -> str | None:
    """Return the installed version, or None."""
    try:
        return metadata.version("detect-secrets")
    except metadata.PackageNotFoundError:
        return None


def scan(request: ScanRequest) -> EngineOutput:
    """Run every detector of detect-secrets over all files, tracked by git or not."""
    command = [sys.executable, "-I", "-m", "detect_secrets", "scan", "--no-verify", "--all-files"]
    if not request.honour_suppressions:
        command += ["--disable-filter", ALLOWLIST_FILTER]
    report = parse_json(NAME, run_engine(NAME, [*command, "."], request, CODES))
    return EngineOutput([_finding(secret) for secrets in report["results"].values() for secret in secrets], [])


def _finding(secret: dict[str, Any]) -> Finding:
    detector = secret["type"]
    return Finding(
        file=PurePosixPath(secret["filename"]).as_posix(),
        line=secret["line_number"],
        kind=HARD_CODED_CREDENTIAL,
        severity=Severity.MEDIUM if detector in GUESSES else Severity.HIGH,
        message=f"Possible secret: {detector}",
        sources=(Source(NAME, detector.lower().replace(" ", "-"), detector),),
        cwe=798,
        digests=(secret["hashed_secret"][:DIGEST_LENGTH],),
    )
