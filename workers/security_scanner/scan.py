"""How does one security analysis run, from payload to verdict?

Lay the source out, ask every engine, merge what they say, judge it. An engine that fails makes the answer
`inconclusive` unless the others already found enough to fail: silence of a broken scanner is not a pass.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import fleet
from fleet.errors import FleetError
from workers.security_scanner.engines import ENGINES, Engine
from workers.security_scanner.engines.process import ScanRequest
from workers.security_scanner.engines.report import EngineFailed
from workers.security_scanner.findings import Finding, Severity, by_severity, merge, stamp
from workers.security_scanner.payload import SecurityAnalysis
from workers.security_scanner.sarif import EngineRun, to_sarif
from workers.security_scanner.tree import Tree, lay_out

LISTED_UNREAD = 20


class Run(Protocol):
    """What the scanner needs from whoever runs it."""

    @property
    def allowed_roots(self) -> tuple[Path, ...]: ...

    def progress(self, fraction: float, message: str) -> None: ...


class NoEngine(FleetError):
    """There is nothing to scan with."""


def scan(payload: SecurityAnalysis, run: Run) -> dict[str, Any]:
    """Scan one source and return a JSON-ready result."""
    chosen, absent = _choose(payload)
    with tempfile.TemporaryDirectory(prefix="fleet-scan-") as name:
        scratch = Path(name)
        tree = lay_out(payload, scratch, run.allowed_roots)
        run.progress(0.1, f"{tree.files} files laid out")
        engines: list[EngineRun] = []
        raw: list[Finding] = []
        for position, engine in enumerate(chosen):
            engine_run, found = _ask(engine, tree, scratch, payload)
            engines.append(engine_run)
            raw += found
            run.progress(
                0.1 + 0.85 * (position + 1) / len(chosen),
                f"{engine.name}: {engine_run.error or f'{len(found)} findings'}",
            )
        findings = stamp(merge(raw), tree.line)
    verdict, reasons = judge(findings, engines, Severity(payload.severity_threshold))
    listed = findings[: payload.max_findings]
    return {
        "verdict": verdict,
        "reasons": reasons,
        "findings_total": len(findings),
        "by_severity": by_severity(findings),
        "findings": [_shown(finding) for finding in listed],
        "engines": [_engine_row(engine) for engine in engines],
        "engines_absent": absent,
        "source": {
            "files": tree.files,
            "bytes": tree.bytes,
            "skipped_total": tree.skipped_total,
            "skipped": tree.skipped,
        },
        "sarif": to_sarif(listed, engines, len(findings), fleet.__version__),
    }


def judge(findings: Sequence[Finding], engines: Sequence[EngineRun], threshold: Severity) -> tuple[str, list[str]]:
    """Say `pass`, `fail` or `inconclusive`, and why."""
    bad = [finding for finding in findings if finding.severity.rank >= threshold.rank]
    broken = [f"{engine.name} failed: {engine.error}" for engine in engines if engine.error is not None]
    if bad:
        worst = bad[0]
        return "fail", [
            f"{len(bad)} findings of severity {threshold} or worse; first: {worst.kind} at {worst.file}:{worst.line}",
            *broken,
        ]
    if broken:
        return "inconclusive", broken
    unread = [f"{engine.name} could not read {name}: {reason}" for engine in engines for name, reason in engine.unread]
    return "pass", [f"no finding of severity {threshold} or worse among {len(findings)}", *unread[:LISTED_UNREAD]]


def _choose(payload: SecurityAnalysis) -> tuple[list[Engine], list[str]]:
    """Return the engines to ask and the known ones that are not installed (only when nobody asked for them by name)."""
    if payload.engines is not None:
        return [ENGINES[name] for name in dict.fromkeys(payload.engines)], []
    chosen = [engine for engine in ENGINES.values() if engine.version() is not None]
    if not chosen:
        raise NoEngine(
            f"no scanner is installed on this worker; {' or '.join(engine.install for engine in ENGINES.values())}"
        )
    return chosen, [engine.name for engine in ENGINES.values() if engine not in chosen]


def _ask(engine: Engine, tree: Tree, scratch: Path, payload: SecurityAnalysis) -> tuple[EngineRun, list[Finding]]:
    own = scratch / engine.name
    own.mkdir()
    request = ScanRequest(tree.root, own, payload.engine_timeout_seconds, payload.honour_suppressions)
    installed, started = engine.version(), time.monotonic()
    try:
        if installed is None:
            raise EngineFailed(engine.name, f"it is not installed; {engine.install}")
        output = engine.scan(request)
    except EngineFailed as failure:
        return EngineRun(engine.name, installed, time.monotonic() - started, 0, failure.reason), []
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        reason = f"its report has an unknown form ({exc.__class__.__name__}); version {installed} may not be supported"
        return EngineRun(engine.name, installed, time.monotonic() - started, 0, reason), []
    seconds, unread = time.monotonic() - started, tuple(output.unread[:LISTED_UNREAD])
    return EngineRun(engine.name, installed, seconds, len(output.findings), None, unread), output.findings


def _engine_row(engine: EngineRun) -> dict[str, Any]:
    return {
        "name": engine.name,
        "version": engine.version,
        "seconds": round(engine.seconds, 3),
        "findings": engine.findings,
        "error": engine.error,
        "unread": [list(pair) for pair in engine.unread],
    }


def _shown(finding: Finding) -> dict[str, Any]:
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
