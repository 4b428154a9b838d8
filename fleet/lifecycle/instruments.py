"""When do a worker's logs and traces begin and end, and what does it share with its children?

Imported by name wherever Celery runs (workers, beat), before anything else: logging takes the fleet's shape before the
first line, tracing begins in the process that runs tasks - after the fork, in the child - and sends what it holds before
that one ends.
"""

from __future__ import annotations

import gc
import os
from typing import Any

from celery import signals

from fleet.settings import current
from fleet.store.scripts import resident
from fleet.telemetry import logs, tracing
from fleet.telemetry.begin import begin

# Imports make a hundred thousand objects that stay: looking through them two hundred times is a tenth of the start.
gc.set_threshold(20_000, 10, 10)


@signals.worker_init.connect(weak=False)  # type: ignore[untyped-decorator]
def share_with_children(**_: Any) -> None:
    """Read and import once, before the fork, and leave alone what is there: a collector would copy it into every child."""
    for path in ("dispatcher/claim.lua", "dispatcher/finish.lua"):
        resident(path)
    telemetry = current().telemetry
    if telemetry.otlp_endpoint:
        from fleet.telemetry import span_export

        span_export.load(telemetry.otlp_protocol)
    gc.freeze()


@signals.setup_logging.connect(weak=False)  # type: ignore[untyped-decorator]
def shape_logs(**_: Any) -> None:
    """Take the place of Celery's own logging set-up."""
    telemetry = current().telemetry
    logs.configure(telemetry.log_level, telemetry.log_format)


@signals.worker_process_init.connect(weak=False)  # type: ignore[untyped-decorator]
def begin_in_child(**_: Any) -> None:
    _begin()


@signals.worker_ready.connect(weak=False)  # type: ignore[untyped-decorator]
def begin_without_children(sender: Any = None, **_: Any) -> None:
    """Trace in the main process only where it runs tasks itself (solo, threads): exporters must not be forked."""
    if not type(getattr(sender, "pool", None)).__module__.endswith("prefork"):
        _begin()


@signals.worker_process_shutdown.connect(weak=False)  # type: ignore[untyped-decorator]
@signals.worker_shutdown.connect(weak=False)  # type: ignore[untyped-decorator]
def end(**_: Any) -> None:
    tracing.stop()


def _begin() -> None:
    begin(f"fleet-{os.environ.get('FLEET_POOL', 'worker')}")
    if current().telemetry.trace_celery:
        tracing.instrument_celery()
