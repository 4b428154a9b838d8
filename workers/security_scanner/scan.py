"""How does one security analysis run, from payload to verdict?

Lay the source out, ask every engine, merge what they say, judge it, report it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import fleet
from fleet.telemetry import tracing
from workers.security_scanner.engines import Engine
from workers.security_scanner.engines.ask import ask, choose
from workers.security_scanner.engines.process import ScanRequest
from workers.security_scanner.engines.report import EngineRun
from workers.security_scanner.findings import Finding, Severity, by_severity, merge, stamp
from workers.security_scanner.payload import SecurityAnalysis
from workers.security_scanner.sarif import to_sarif
from workers.security_scanner.tree import Tree, lay_out
from workers.security_scanner.verdict import judge

LAID_OUT, ASKED = 0.1, 0.95


class Run(Protocol):
    """What the scanner needs from whoever runs it."""

    @property
    def allowed_roots(self) -> tuple[Path, ...]: ...

    def progress(self, fraction: float, message: str) -> None: ...


def scan(payload: SecurityAnalysis, run: Run) -> dict[str, Any]:
    """Scan one source and return a JSON-ready result."""
    chosen, absent = choose(payload.engines)
    with tempfile.TemporaryDirectory(prefix="fleet-scan-") as scratch:
        tree = lay_out(payload, Path(scratch), run.allowed_roots)
        run.progress(LAID_OUT, f"{tree.files} files laid out")
        engines, raw = _ask_all(chosen, payload, tree, Path(scratch), run)
        findings = stamp(merge(raw), tree.line)
    verdict = judge(findings, engines, Severity(payload.severity_threshold), tree.files, tree.gaps)
    listed = findings[: payload.max_findings]
    return {
        "verdict": verdict.outcome,
        "reasons": list(verdict.reasons),
        "findings_total": len(findings),
        "by_severity": by_severity(findings),
        "findings": [_finding_row(finding) for finding in listed],
        "engines": [_engine_row(engine) for engine in engines],
        "engines_absent": absent,
        "source": _source_row(tree),
        "sarif": to_sarif(listed, engines, len(findings), fleet.__version__),
    }


def _ask_all(
    chosen: Sequence[Engine], payload: SecurityAnalysis, tree: Tree, scratch: Path, run: Run
) -> tuple[list[EngineRun], list[Finding]]:
    """Ask the engines one after the other, so that a worker told to stop has one process to end."""
    engines: list[EngineRun] = []
    raw: list[Finding] = []
    for engine in chosen if tree.files else ():
        own = scratch / engine.name
        own.mkdir()
        request = ScanRequest(tree.root, own, payload.engine_timeout_seconds, payload.honour_suppressions)
        with tracing.span(f"scan {engine.name}", {"fleet.files": tree.files}) as span:
            engine_run, found = ask(engine, request)
            tracing.describe(span, {"fleet.findings": len(found)}, engine_run.error or "")
        engines.append(engine_run)
        raw += found
        done = LAID_OUT + (ASKED - LAID_OUT) * len(engines) / len(chosen)
        run.progress(done, f"{engine.name}: {engine_run.error or f'{len(found)} findings'}")
    return engines, raw


def _finding_row(finding: Finding) -> dict[str, Any]:
    return {
        "file": finding.file,
        "line": finding.line,
        "kind": finding.kind,
        "severity": finding.severity.value,
        "message": finding.message,
        "cwe": finding.cwe,
        "engines": list(finding.engines),
        "rules": [f"{source.engine}:{source.rule}" for source in finding.sources],
        "secret_digests": list(finding.digests),
        "fingerprint": finding.fingerprint,
    }


def _engine_row(engine: EngineRun) -> dict[str, Any]:
    return {
        "name": engine.name,
        "version": engine.version,
        "seconds": round(engine.seconds, 3),
        "findings": engine.findings,
        "error": engine.error,
        "unread": [list(pair) for pair in engine.unread],
    }


def _source_row(tree: Tree) -> dict[str, Any]:
    return {
        "files": tree.files,
        "bytes": tree.bytes,
        "skipped_total": tree.skipped_total,
        "skipped": [list(pair) for pair in tree.skipped],
    }
