"""Does this process trace? As the settings say, from the first moment somebody asks until the process ends."""

from __future__ import annotations

import atexit
from functools import cache

from fleet.settings import current
from fleet.telemetry import tracing


def begin(service: str) -> None:
    """Start tracing where an endpoint is set and nobody else traces here; cheap to call again."""
    settings = current()
    telemetry = settings.telemetry
    if not telemetry.otlp_endpoint or tracing.is_on():
        return
    tracing.start(
        telemetry.otlp_endpoint,
        service=service,
        protocol=telemetry.otlp_protocol,
        ratio=telemetry.trace_sample_ratio,
        attributes={"fleet.cell": settings.cell},
    )
    _flush_at_exit()


@cache
def _flush_at_exit() -> None:
    atexit.register(tracing.stop)
