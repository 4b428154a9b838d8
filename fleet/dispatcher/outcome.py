"""How does an attempt end?

The result backend of declared task types: accepting the result, freeing the slot, settling the money and releasing the
next task are one script. A late finisher, whose attempt is over, is fenced off here. Other tasks use plain Redis.
"""

from __future__ import annotations

from typing import Any

from celery.backends.redis import RedisBackend, SentinelBackend

from fleet.dispatcher import memory, traced
from fleet.dispatcher.envelope import ATTEMPT_HEADER
from fleet.dispatcher.patience import patiently
from fleet.dispatcher.publish import publish_rest
from fleet.dispatcher.retry import after_failure
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import connect
from fleet.store.scripts import resident
from fleet.telemetry import logs, tracing
from fleet.telemetry.redaction import without_hidden

OVER = frozenset({"done", "failed", "dead", "cancelled"})


def attempt_of(request: Any) -> int | None:
    """Return the attempt a Celery request carries, or None for a task that is not the fleet's."""
    value = getattr(request, ATTEMPT_HEADER, None) if request is not None else None
    return int(value) if value is not None else None


def finish(
    task_id: str,
    attempt: int,
    outcome: str,
    meta: str = "",
    reason: str = "",
    delay: float = 0.0,
    is_task_fault: bool = False,
    trace_id: str = "",
) -> str | None:
    """End the attempt; returns the task's state, or None when somebody else holds the task now."""
    arguments = [
        task_id,
        attempt,
        outcome,
        meta,
        without_hidden(reason)[:2000],
        f"{delay:.3f}",
        trace_id or tracing.current_trace_id(),
        "1" if is_task_fault else "",
    ]
    accepted, state, *outgoing = patiently(
        lambda again: resident("dispatcher/finish.lua")(
            connect(), [keys.prefix(current().cell)], [*arguments, "1" if again else ""]
        )
    )
    publish_rest(outgoing)
    if accepted:
        return str(state)
    logs.get("dispatcher").warning(
        "late_result_fenced", task_id=task_id, attempt=attempt, outcome=outcome, state=state,
        next="none: the task's latest attempt counts",
    )  # fmt: skip
    return None


class FleetBackend(RedisBackend):  # type: ignore[misc]
    """Celery's Redis backend, with the fence in front of declared task types."""

    def _meta(self, task_id: str, result: Any, state: str, traceback: Any, request: Any) -> str:
        meta = self._get_result_meta(
            result=self.encode_result(result, state), state=state, traceback=traceback, request=request
        )
        return without_hidden(str(self.encode(meta | {"task_id": task_id})))

    def mark_as_started(self, task_id: str, **meta: Any) -> None:
        """Nothing: the claim has recorded the start."""

    def mark_as_done(
        self, task_id: str, result: Any, request: Any = None, store_result: bool = True, state: str = "SUCCESS"
    ) -> None:
        attempt = attempt_of(request)
        if attempt is None:
            super().mark_as_done(task_id, result, request=request, store_result=store_result, state=state)
            return
        meta = self._meta(task_id, result, state, None, request)
        with traced.ending(request, "done"):
            ended = finish(task_id, attempt, "done", meta, trace_id=traced.trace_of(request))
        if ended and request.chord:
            self.on_chord_part_return(request, state, result)

    def mark_as_failure(
        self, task_id: str, exc: BaseException, traceback: Any = None, request: Any = None, store_result: bool = True,
        call_errbacks: bool = True, state: str = "FAILURE",
    ) -> None:  # fmt: skip
        attempt = attempt_of(request)
        if attempt is None:
            super().mark_as_failure(
                task_id,
                exc,
                traceback=traceback,
                request=request,
                store_result=store_result,
                call_errbacks=call_errbacks,
                state=state,
            )
            return
        dispatch = current().dispatch
        after = after_failure(exc, attempt, dispatch.retry_base_seconds, dispatch.retry_max_seconds)
        reason = f"{type(exc).__name__}: {exc}"
        if after.outcome == "lost" and (evidence := memory.WATCH.evidence()):
            reason = f"{evidence}; {reason}"
        with traced.ending(request, after.outcome):
            ended = finish(
                task_id,
                attempt,
                after.outcome,
                self._meta(task_id, exc, state, traceback, request),
                reason,
                after.delay_seconds,
                after.is_task_fault,
                traced.trace_of(request),
            )
        if ended in OVER:
            self.tell_failure(task_id, exc, request, traceback, call_errbacks, state)

    def tell_failure(
        self, task_id: str, exc: BaseException, request: Any, traceback: Any = None, call_errbacks: bool = True,
        state: str = "FAILURE",
    ) -> None:  # fmt: skip
        """Tell chord, chain and error callbacks; the result itself is stored already."""
        super().mark_as_failure(
            task_id,
            exc,
            traceback=traceback,
            request=request,
            store_result=False,
            call_errbacks=call_errbacks,
            state=state,
        )

    def mark_as_retry(
        self,
        task_id: str,
        exc: BaseException,
        traceback: Any = None,
        request: Any = None,
        store_result: bool = True,
        state: str = "RETRY",
    ) -> None:
        """Nothing for the fleet's tasks: the door has taken the retry already."""
        if attempt_of(request) is None:
            super().mark_as_retry(
                task_id, exc, traceback=traceback, request=request, store_result=store_result, state=state
            )

    def mark_as_revoked(
        self, task_id: str, reason: str = "", request: Any = None, store_result: bool = True, state: str = "REVOKED"
    ) -> None:
        attempt = attempt_of(request)
        if attempt is None:
            super().mark_as_revoked(task_id, reason, request=request, store_result=store_result, state=state)
        else:
            finish(task_id, attempt, "cancelled", reason=reason or "revoked")


class FleetSentinelBackend(FleetBackend, SentinelBackend):  # type: ignore[misc]
    """The same, where sentinels know which server is the primary."""
