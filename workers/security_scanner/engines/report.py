"""What does an engine hand back, and how does it say that it failed?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from fleet.errors import FleetError
from workers.security_scanner.findings import Finding


class EngineFailed(FleetError):
    """An engine did not finish its scan, so its silence proves nothing."""

    def __init__(self, engine: str, reason: str) -> None:
        self.engine, self.reason = engine, reason
        super().__init__(f"engine {engine!r} failed: {reason}")


@dataclass(frozen=True, slots=True)
class EngineOutput:
    """Findings, and files the engine could not judge with its reason."""

    findings: list[Finding]
    unread: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class EngineRun:
    """What one engine did: as shown in the result and in SARIF."""

    name: str
    version: str | None
    seconds: float
    findings: int
    error: str | None = None
    unread: tuple[tuple[str, str], ...] = ()


def parse_json(engine: str, text: bytes) -> Any:
    """Read an engine's report."""
    try:
        return json.loads(text)
    except ValueError as exc:
        raise EngineFailed(engine, f"its report is not JSON ({exc}); is the installed version supported?") from exc
