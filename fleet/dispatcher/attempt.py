"""How does an attempt begin, and which trace does it continue?

The producer's trace goes on: the time the task was held, the time its message waited in the pool's queue, then this
attempt, which links the one before it. The claim is part of it; a refused one says so and is no failure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from celery.exceptions import Ignore, Reject, Retry

from fleet.dispatcher import traced
from fleet.dispatcher.claim import Claim
from fleet.dispatcher.errors import MustWait
from fleet.dispatcher.outcome import attempt_of
from fleet.telemetry import tracing

NO_FAILURES = (Ignore, Reject, Retry, MustWait)


@contextmanager
def attempt(name: str, request: Any, ask: Callable[[], Claim]) -> Iterator[Claim]:
    """Claim the attempt by `ask` and trace it until the block ends."""
    if not tracing.is_on():
        yield ask()
        return
    carrier = {key: str(found) for key in ("traceparent", "tracestate") if (found := getattr(request, key, None))}
    if (unrecorded := tracing.unrecorded(carrier)) is not None:
        # Most tasks: what they begin is told so, and that is all.
        traced.keep(request, carrier, is_recorded=False)
        with tracing.within(unrecorded):
            yield ask()
        return
    origin = tracing.extract(carrier)
    # An instrumentation of Celery may have continued the trace already: then this attempt is part of its span.
    parent = None if tracing.current_ids() else origin
    about: dict[str, Any] = {"fleet.task_id": str(request.id), "fleet.task_type": name, "fleet.attempt": attempt_of(request) or 1}
    with tracing.span(f"run {name}", about, kind="consumer", parent=parent, expected=NO_FAILURES) as span:
        own = tracing.carried()
        traced.keep(request, own, is_recorded=bool(tracing.sampled_trace_id(own.get("traceparent"))))
        claimed = ask()
        began = time.time()
        if claimed.held_at:
            released = claimed.released_at or began
            tracing.past_span(f"held {name}", claimed.held_at, released, about, origin)
            tracing.past_span(f"queued {name}", released, began, about, origin)
        tracing.link(span, claimed.earlier)
        yield claimed
