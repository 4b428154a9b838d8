"""Which trace does a task belong to, from submit to its end?

The message carries the producer's trace; an attempt keeps its own on its Celery request, so that what Celery does after
the function has returned (the result, the next step of a chain) still belongs to it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fleet.telemetry import tracing
from fleet.telemetry.begin import begin

_KEPT, _RECORDED = "fleet_trace", "fleet_trace_recorded"


@contextmanager
def submitting(task_type: str, tenant: str, carrier: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Trace a submission, inside the caller's trace, a request's (`carrier`) or the running task's, if there is one."""
    begin("fleet-producer")
    parent = tracing.continued(carrier or _of_running_task())
    about = {"fleet.task_type": task_type, "fleet.tenant": tenant}
    with tracing.span(f"submit {task_type}", about, kind="producer", parent=parent):
        yield


def keep(request: Any, carrier: Mapping[str, str], is_recorded: bool) -> None:
    """Remember the headers of the attempt's span on its request."""
    setattr(request, _KEPT, carrier)
    setattr(request, _RECORDED, carrier.get("traceparent", "") if is_recorded else "")


def kept(request: Any) -> Mapping[str, str]:
    """Return the headers of the attempt's span; empty when it is not traced."""
    found: Mapping[str, str] = getattr(request, _KEPT, None) or {}
    return found


def recorded(request: Any) -> str:
    """Return the W3C header of the attempt's span when that is recorded, else an empty text."""
    return getattr(request, _RECORDED, None) or ""


def trace_of(request: Any) -> str:
    """Return the recorded trace a Celery request belongs to, its attempt's or else its producer's; empty when there is none."""
    header = getattr(request, _RECORDED, None)
    return tracing.sampled_trace_id(getattr(request, "traceparent", None) if header is None else header)


@contextmanager
def ending(request: Any, outcome: str) -> Iterator[Any]:
    """Trace how an attempt's outcome is handed in."""
    if not recorded(request):
        yield None
        return
    about = {"fleet.task_id": str(request.id), "fleet.outcome": outcome}
    with tracing.span(f"finish {request.task}", about, parent=tracing.extract(kept(request))) as span:
        yield span


def _of_running_task() -> Mapping[str, str]:
    state = sys.modules.get("celery._state")
    running = state.get_current_worker_task() if state is not None else None
    return kept(running.request) if running is not None else {}
