"""Which engines are asked, and what did each of them do?

An engine that fails, is missing or answers in an unknown form becomes an `EngineRun` with an error: never an exception
for the others to suffer from, never silence.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from fleet.errors import FleetError
from workers.security_scanner.engines import ENGINES, Engine
from workers.security_scanner.engines.process import ScanRequest
from workers.security_scanner.engines.report import EngineFailed, EngineRun
from workers.security_scanner.findings import Finding

LISTED_UNREAD = 20
UNKNOWN_FORM = (KeyError, TypeError, ValueError, AttributeError)


class NoEngine(FleetError):
    """There is nothing to scan with."""


def choose(wanted: Sequence[str] | None) -> tuple[list[Engine], list[str]]:
    """Return the engines to ask, and those left out because nobody named them and they are not installed."""
    if wanted is not None:
        return [ENGINES[name] for name in dict.fromkeys(wanted)], []
    chosen = [engine for engine in ENGINES.values() if engine.version() is not None]
    if not chosen:
        how = " or ".join(engine.install for engine in ENGINES.values())
        raise NoEngine(f"no scanner is installed on this worker; {how}")
    return chosen, [engine.name for engine in ENGINES.values() if engine not in chosen]


def ask(engine: Engine, request: ScanRequest) -> tuple[EngineRun, list[Finding]]:
    """Run one engine and account for it."""
    installed, started = engine.version(), time.monotonic()
    try:
        if installed is None:
            raise EngineFailed(engine.name, f"it is not installed; {engine.install}")
        output = engine.scan(request)
    except EngineFailed as failure:
        return EngineRun(engine.name, installed, time.monotonic() - started, 0, failure.reason), []
    except UNKNOWN_FORM as exc:
        reason = f"its report has an unknown form ({exc.__class__.__name__}); version {installed} may not be supported"
        return EngineRun(engine.name, installed, time.monotonic() - started, 0, reason), []
    seconds, unread = time.monotonic() - started, tuple(output.unread[:LISTED_UNREAD])
    return EngineRun(engine.name, installed, seconds, len(output.findings), None, unread), output.findings
