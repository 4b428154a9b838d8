"""How do Celery's own publications come in?

Every message of a declared task type, whoever composes it (apply_async, send_task, chains, groups, chords, retries),
goes through the same script as `fleet.submit`. Messages of other tasks pass unchanged, but signed where that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
from celery import signals
from celery._state import get_current_worker_task
from celery.app.amqp import AMQP
from celery.app.control import Control
from kombu.utils.objects import cached_property

from fleet import catalogue
from fleet.dispatcher import contracts, envelope, estimates, ranking, signatures, traced
from fleet.dispatcher.cells import routing
from fleet.dispatcher.errors import NotAccepted
from fleet.dispatcher.submission import Submission
from fleet.dispatcher.submit import DEFAULT_PRIORITY, TaskRequest, check_options, encode_payload, known_type, row, send
from fleet.dispatcher.tasks import withdraw
from fleet.telemetry import tracing

TENANT_HEADER = "tenant"
INSTRUMENTATIONS = "opentelemetry.instrumentation."
"""Nobody else is told: for others `after_task_publish` means that the task was sent."""


class FleetAMQP(AMQP):  # type: ignore[misc]
    """Celery's message layer, with one door for declared task types."""

    @cached_property
    def send_task_message(self) -> Callable[..., Any]:
        plain = self._create_task_sender()

        def send_task_message(producer: Any, name: str, message: Any, **options: Any) -> Any:
            if name in catalogue.current().task_types:
                return admit(name, message, options)
            args, kwargs, embed = message.body
            payload = orjson.dumps(kwargs, default=str)
            message.headers.update(signatures.stamped(message.headers["id"], name, args, payload, embed))
            with _closing(name, message.headers):
                return plain(producer, name, message, **options)

        return send_task_message


class FleetControl(Control):  # type: ignore[misc]
    """Celery's remote control, whose revoke knows held tasks: no worker has their message yet."""

    def revoke(
        self, task_id: str | list[str], destination: Any = None, terminate: bool = False, signal: str = "SIGTERM", **kwargs: Any
    ) -> Any:
        for one in [task_id] if isinstance(task_id, str) else task_id:
            withdraw(one, "revoked", even_running=terminate)
        return super().revoke(task_id, destination=destination, terminate=terminate, signal=signal, **kwargs)

    def stop_process(self, task_id: str) -> None:
        """Kill the process that runs a task whose record has ended already."""
        super().revoke(task_id, terminate=True)


def admit(name: str, message: Any, options: Mapping[str, Any]) -> None:
    """Send one composed message through the door; raises NotAccepted when the fleet does not take it."""
    headers = {**message.headers, **(options.get("headers") or {})}
    args, kwargs, embed = message.body
    known = known_type(name)
    payload = encode_payload(name, kwargs, known.model if not args else None)
    request = TaskRequest(
        name, kwargs, tenant=str(headers.get(TENANT_HEADER) or "default"), priority=_priority(options.get("priority")),
        delay_seconds=_seconds_until(headers.get("eta")) or 0.0, ignore_result=bool(headers.get("ignore_result")),
    )  # fmt: skip
    check_options(request)
    hard, soft = headers.get("timelimit") or (None, None)
    hard = hard or known.hard_limit
    # Celery starts the hard limit's clock when the soft one has fired: a soft limit beyond it would switch it off.
    headers["timelimit"] = [hard, min(soft or hard, hard * 0.95)]
    deadline = _seconds_until(headers.pop("expires", None))
    headers["expires"] = None
    headers |= contracts.carried(known.contract) | signatures.stamped(headers["id"], name, args, payload, embed)
    body = (
        orjson.dumps([args, None, embed], default=str).replace(b",null,", b"," + payload + b",", 1)
        if not args
        else orjson.dumps([args, kwargs, embed], default=str)
    )
    attempt = _own_attempt(headers["id"])

    def submit() -> Submission:
        ranked, why = ranking.rank(known.strategy, name, request.complexity, None)
        estimate = estimates.of(name, kwargs, request.complexity)
        rest: dict[str, Any] = {
            "delay": request.delay_seconds, "deadline": None if deadline is None else max(deadline, 0.001), "estimate": estimate.micros,
            "tokens": estimate.tokens, "model": estimate.model, "ranking": ranked, "why": why, "retries": headers.get("retries") or 0,
            "attempt": attempt, "waited_for": 1 if embed.get("chord") or embed.get("errbacks") else None,
        }  # fmt: skip
        return send([row(headers["id"], envelope.from_celery(headers, body), known, request, rest)])[0]

    with traced.submitting(name, request.tenant), _published(name, message, headers):
        tracing.inject(headers)
        # A task that submits itself again is known to the cell that runs it.
        answer = submit() if attempt else routing.routed(request.tenant, name, submit)
    if answer.answer != "accepted":
        raise NotAccepted(
            f"{name} was {answer.answer}: {answer.reason}"
            + (f"; try again in {answer.retry_after_seconds:.0f} s" if answer.retry_after_seconds else "")
        )


@contextmanager
def _published(name: str, message: Any, headers: dict[str, Any]) -> Iterator[None]:
    """Tell Celery's publishing signals, always both: what one receiver opened before, it closes after."""
    where = {"sender": name, "body": message.body, "exchange": "", "routing_key": "", "headers": headers}
    signals.before_task_publish.send(**where, properties=message.properties, declare=[], retry_policy=None)
    try:
        yield
    finally:
        signals.after_task_publish.send(**where)


@contextmanager
def _closing(name: str, headers: Mapping[str, Any]) -> Iterator[None]:
    """Close what an instrumentation of Celery opened for a publication that fails.

    Celery announces a publication and tells nobody that it failed: the span would stay current, and be the parent of
    everything this process does from then on.
    """
    before = tracing.current_ids()
    try:
        yield
    except BaseException as error:
        if tracing.current_ids() != before:
            tracing.fail_current(error)
            for receiver in signals.after_task_publish._live_receivers(name):
                if str(receiver.__module__).startswith(INSTRUMENTATIONS):
                    receiver(sender=name, headers=headers, body=None)
        raise


def _own_attempt(task_id: str) -> str:
    """Return the attempt that is submitting its own task again, or nothing."""
    running = get_current_worker_task()
    if running is None or running.request.id != task_id:
        return ""
    return str(running.request.get(envelope.ATTEMPT_HEADER) or "")


def _priority(given: int | None) -> int:
    return DEFAULT_PRIORITY if given is None else int(given)


def _seconds_until(moment: str | None) -> float | None:
    if not moment:
        return None
    then = datetime.fromisoformat(moment)
    return max(0.0, (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp())
