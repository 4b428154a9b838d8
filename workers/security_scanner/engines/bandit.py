"""What does bandit say about the Python files in a directory?"""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import PurePosixPath
from typing import Any

from workers.security_scanner.engines.process import ScanRequest, run_engine
from workers.security_scanner.engines.report import EngineOutput, parse_json
from workers.security_scanner.findings import HARD_CODED_CREDENTIAL, Finding, Severity, Source

NAME = "bandit"
SECRET_TESTS = frozenset({"B105", "B106", "B107"})
SEVERITIES = {"LOW": Severity.LOW, "MEDIUM": Severity.MEDIUM, "HIGH": Severity.HIGH}
CODES = frozenset({0, 1})  # 1: findings


def version() -> str | None:
    """Return the installed version, or None."""
    try:
        return metadata.version("bandit")
    except metadata.PackageNotFoundError:
        return None


def scan(request: ScanRequest) -> EngineOutput:
    """Run bandit with its own defaults; a `.bandit` file in the source is not obeyed."""
    settings = request.scratch / "bandit.ini"
    settings.write_text("[bandit]\n")
    command = [sys.executable, "-I", "-m", "bandit", "-q", "-r", ".", "-f", "json", "-n", "1", "--ini", str(settings)]
    if not request.honour_suppressions:
        command.append("--ignore-nosec")
    report = parse_json(NAME, run_engine(NAME, command, request, CODES))
    return EngineOutput(
        findings=[_finding(issue) for issue in report["results"]],
        unread=[(_relative(error["filename"]), error["reason"]) for error in report["errors"]],
    )


def _finding(issue: dict[str, Any]) -> Finding:
    rule, more = issue["test_id"], issue.get("more_info", "")
    secret = rule in SECRET_TESTS
    cwe = issue.get("issue_cwe", {}).get("id")
    title = _title(issue["test_name"], more)
    return Finding(
        file=_relative(issue["filename"]),
        line=issue["line_number"],
        kind=HARD_CODED_CREDENTIAL if secret else title.replace("_", "-"),
        severity=SEVERITIES.get(issue["issue_severity"], Severity.LOW),
        # bandit quotes the password it found
        message="Possible hard-coded password" if secret else issue["issue_text"],
        sources=(Source(NAME, rule, title, more),),
        cwe=int(cwe) if cwe else None,
    )


def _title(test_name: str, more_info: str) -> str:
    """Name the rule; black-listed calls and imports share one test, their documentation anchor tells them apart."""
    anchor = more_info.partition("#")[2]
    return anchor.partition("-")[2] or test_name if test_name == "blacklist" else test_name


def _relative(filename: str) -> str:
    return PurePosixPath(filename).as_posix().removeprefix("./")
