"""How does a task come in?

`submit` validates, encodes and sends one script: admission, reservation, hold or release happen in one round trip.
`submit_many` sends a hundred tasks a round trip. Nothing is half-submitted: the script either ran or it did not, and a
repetition with the same task id is the same task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any, TypeVar, cast

import orjson
from pydantic import BaseModel, ValidationError

from fleet import catalogue
from fleet.catalogue.load import payload_model
from fleet.dispatcher import envelope, estimates, ranking, signatures, task_ids, traced
from fleet.dispatcher.cells import routing
from fleet.dispatcher.handle import TaskHandle
from fleet.dispatcher.profile import joined
from fleet.dispatcher.publish import publish_rest
from fleet.dispatcher.request import DEFAULT_PRIORITY as DEFAULT_PRIORITY
from fleet.dispatcher.request import TaskRequest as TaskRequest
from fleet.dispatcher.request import check_options as check_options
from fleet.dispatcher.submission import Submission, from_reply
from fleet.errors import ConfigurationError, FleetError, InvalidPayload, UnknownName
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import Client, connect
from fleet.store.line import Stream
from fleet.store.scripts import resident
from fleet.telemetry import tracing
from fleet.telemetry.begin import begin

BATCH = 100


def submit(task_type: str, payload: Mapping[str, Any] | None = None, **options: Any) -> TaskHandle:
    """Submit one task; options are the other fields of `TaskRequest`. Returns a handle whose `submission` is the answer.

    Raises UnknownName, InvalidPayload or ConfigurationError for a request that can never work, StoreUnavailable when
    Redis does not answer; a deferred or refused task is an answer, not an exception.
    """
    request = TaskRequest(task_type, payload or {}, **options)
    begin("fleet-producer")
    if not tracing.is_on():
        return TaskHandle(routing.routed(request.tenant, task_type, lambda: _alone(request)))
    with traced.submitting(task_type, request.tenant):
        return TaskHandle(routing.routed(request.tenant, task_type, lambda: _alone(request)))


def _alone(request: TaskRequest) -> Submission:
    return send([encode(request)])[0]


def submit_many(
    requests: Iterable[TaskRequest], on_answer: Callable[[int, TaskHandle | Exception], None] | None = None
) -> Iterator[TaskHandle | Exception]:
    """Submit many; yields one handle, or the error of that one request, for each in order.

    A batch is on its way while the next one is encoded. A store that does not answer fails the tasks that were on their way to it.
    """
    count = 0
    begin("fleet-producer")
    with Sender() as sender:
        for batch, answer_all in _under_way(_batches(requests), sender):
            answers = iter(answer_all())
            for task in batch:
                given = task if isinstance(task, Exception) else next(answers)
                answer = TaskHandle(given) if isinstance(given, Submission) else given
                if on_answer:
                    on_answer(count, answer)
                count += 1
                yield answer


def submit_together(encoders: Iterable[Encoder]) -> list[Submission | Exception]:
    """Submit what several callers want of this cell at the same moment in one round trip; each brings its own `encode`.

    Each has its answer or its own error, whatever that is: what one caller sent must not fail another's task.
    """
    batch = [_encoded(encoder, (Exception,)) for encoder in encoders]
    answers = iter(send([task for task in batch if not isinstance(task, Exception)]))
    return [task if isinstance(task, Exception) else next(answers) for task in batch]


T = TypeVar("T")
Encoder = Callable[[], list[Any]]
Batch = list["routing.Coded | Exception"]


WRONG = (ConfigurationError, InvalidPayload)


def _encoded(encoder: Callable[[], T], its_own: tuple[type[Exception], ...] = WRONG) -> T | Exception:
    try:
        return encoder()
    except its_own as error:
        return error


def _batches(requests: Iterable[TaskRequest]) -> Iterator[Batch]:
    batch: Batch = []
    for request in requests:
        batch.append(_encoded(partial(routing.encoded, request, _encode_traced if tracing.is_on() else encode)))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _encode_traced(request: TaskRequest) -> list[Any]:
    """Encode one of many; each has a trace of its own, whose submission ends before its batch has arrived."""
    with traced.submitting(request.task_type, request.tenant):
        return encode(request)


class Sender:
    """Sends batch after batch without waiting for the answers in between: one stream of calls to each cell's store."""

    def __init__(self) -> None:
        self._streams: dict[Client, Stream] = {}
        self._unheard: list[Callable[[], routing.Answers]] = []

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *_: object) -> None:
        # What is under way while its caller loses interest comes in all the same, though the server had to be asked again.
        for answers in self._unheard:
            with suppress(FleetError):
                answers()
        for stream in self._streams.values():
            stream.close()

    def deliver(self, batch: list[routing.Coded]) -> Callable[[], routing.Answers]:
        """Send; the function returned waits for the answers."""
        answers = routing.deliver(batch, self._start, _alone)
        self._unheard.append(answers)

        def heard() -> routing.Answers:
            self._unheard.remove(answers)
            return answers()

        return heard

    def _start(self, rows: list[list[Any]]) -> Callable[[], list[Submission]]:
        client = connect(decode=False)
        stream = self._streams.get(client) or self._streams.setdefault(client, Stream(client))
        reply = resident("dispatcher/submit.lua").start(stream, *_arguments(rows))
        return lambda: _read(reply(), rows)


def _under_way(batches: Iterable[Batch], sender: Sender) -> Iterator[tuple[Batch, Callable[[], routing.Answers]]]:
    """Yield each batch with its answers to come, after the next one has been sent."""
    ahead: tuple[Batch, Callable[[], routing.Answers]] | None = None
    for batch in batches:
        sent = sender.deliver([task for task in batch if not isinstance(task, Exception)])
        if ahead:
            yield ahead
        ahead = batch, sent
    if ahead:
        yield ahead


def send(rows: list[list[Any]]) -> list[Submission]:
    """Run the script for encoded rows; publish what another broker than Redis must be handed."""
    if not rows:
        return []
    return _read(resident("dispatcher/submit.lua")(connect(decode=False), *_arguments(rows)), rows)


def _arguments(rows: list[list[Any]]) -> tuple[list[str], list[Any]]:
    return [keys.prefix(current().cell)], [value for row in rows for value in row]


def _read(reply: bytes | list[bytes], rows: list[list[Any]]) -> list[Submission]:
    if not isinstance(reply, bytes):
        reply, *outgoing = reply
        publish_rest(outgoing)
    return from_reply(reply, [row[0] for row in rows])


def forget() -> None:
    """Forget what settings and catalogue said: they changed, or this process serves another fleet from now on."""
    known_type.cache_clear()
    _profile.cache_clear()


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What does not change between two submits of a type."""

    task_type: str
    model: type[BaseModel] | None
    strategy: str
    hard_limit: float
    max_attempts: int
    agent_type: str
    goal: float
    contract: int


@cache
def known_type(task_type: str) -> Known:
    declared, settings = catalogue.current(), current()
    if task_type not in declared.task_types:
        raise UnknownName("task type", task_type, declared.task_types)
    row = declared.task_types[task_type]
    agents = [agent.name for agent in declared.agent_types.values() if task_type in agent.runs]
    if not agents:
        raise ConfigurationError(f"no agent type runs {task_type!r}: add it to the `runs` of one in your fleet.yaml")
    strategy = ranking.check(row.strategy or settings.dispatch.strategy)
    return Known(
        task_type,
        payload_model(declared, task_type),
        strategy,
        row.time_limit_seconds,
        row.max_attempts or settings.dispatch.max_attempts,
        agents[0],
        row.wait_goal_seconds or settings.scaling.wait_goal_seconds,
        row.contract,
    )


def encode(request: TaskRequest) -> list[Any]:
    """Validate a request and return its row for submit.lua (the order of SUBMIT_FIELDS there)."""
    known = known_type(request.task_type)
    check_options(request)
    payload = encode_payload(request.task_type, request.payload, known.model)
    task_id = request.task_id or task_ids.new()
    headers = signatures.stamped(task_id, request.task_type, (), payload)
    tracing.inject(headers)
    message = envelope.direct(task_id, request.task_type, payload, known.hard_limit, headers, known.contract)
    ranked, why = ranking.rank(known.strategy, request.task_type, request.complexity, request.size_hint)
    estimate = estimates.of(request.task_type, request.payload, request.complexity)
    if estimate is estimates.FREE and not (
        ranked or request.size_hint or request.delay_seconds or request.deadline_seconds or request.idempotency_key
    ):
        return row(task_id, message, known, request, _NOTHING)
    rest: dict[str, Any] = {
        "hint": request.size_hint, "delay": request.delay_seconds, "deadline": request.deadline_seconds, "key": request.idempotency_key,
        "estimate": estimate.micros, "tokens": estimate.tokens, "model": estimate.model, "ranking": ranked, "why": why,
    }  # fmt: skip
    return row(task_id, message, known, request, rest)


def row(task_id: str, message: bytes, known: Known, request: TaskRequest, rest: Mapping[str, Any]) -> list[Any]:
    """Return one task's arguments for submit.lua: what many tasks share, and what few have, apart (submission.lua)."""
    profile = _profile(known, request.tenant, request.priority, request.complexity, request.ignore_result)
    few = {name: value for name, value in rest.items() if value}
    return [task_id, message, profile, orjson.dumps(few) if few else b""]


_NOTHING: Mapping[str, Any] = {}


@lru_cache(maxsize=4096)
def _profile(known: Known, tenant: str, priority: int, complexity: float, ignore_result: bool) -> bytes:
    return joined(
        type=known.task_type, tenant=tenant, priority=priority, max_attempts=known.max_attempts, strategy=known.strategy,
        agent_type=known.agent_type, goal=known.goal, ignore_result=1 if ignore_result else "", complexity=complexity,
        key_seconds=current().dispatch.idempotency_seconds, contract=known.contract,
    )  # fmt: skip


def encode_payload(task_type: str, payload: Mapping[str, Any], model: type[BaseModel] | None) -> bytes:
    """Return the payload as JSON after validation; name every wrong field, or the limit it exceeds."""
    if model is not None:
        try:
            model.model_validate(payload)
        except ValidationError as error:
            known = model.model_fields
            raise InvalidPayload(task_type, [_problem(dict(e), known) for e in error.errors()]) from None
    try:
        text = orjson.dumps(payload)
    except TypeError as error:
        raise InvalidPayload(task_type, [f"not JSON: {error}"]) from None
    limit = current().dispatch.max_payload_bytes
    if len(text) > limit:
        raise InvalidPayload(
            task_type,
            [f"{len(text)} bytes exceed the limit of {limit} (dispatch.max_payload_bytes): pass a reference instead"],
        )
    return text


def _problem(error: dict[str, Any], known: Iterable[str]) -> str:
    from fleet.errors import did_you_mean

    field = ".".join(map(str, error["loc"])) or "payload"
    if error["type"] == "extra_forbidden":
        return f"{field}: unknown field{did_you_mean(field, known)}"
    return f"{field}: {cast(str, error['msg'])}"
