"""Which cell takes this task?

The tenant's home, unless it is drained: the cell itself says so in the script that would have taken the task, so no
producer's stale view lets one slip in. Then the tenant's next cell is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from fleet import catalogue
from fleet.dispatcher.cells.rendezvous import preference
from fleet.dispatcher.submission import Submission
from fleet.errors import FleetError, StoreUnavailable, UnknownName
from fleet.settings import cell_names, current, in_cell
from fleet.settings import load as load_settings
from fleet.store import keys
from fleet.store.client import available, connect
from fleet.telemetry import logs

if TYPE_CHECKING:
    from fleet.dispatcher.request import TaskRequest

CLOSED_SECONDS = 30.0
"""When to ask again, once every cell that could take a task is drained."""


def is_many() -> bool:
    """Tell whether the fleet has more than one cell."""
    return bool(load_settings().settings.cells)


@lru_cache(maxsize=65536)
def choices(tenant: str, task_type: str) -> tuple[str, ...]:
    """Return the cells with a pool that can run the task type, the tenant's home first."""
    own, declared = load_settings().settings, catalogue.whole()
    weights = {
        name: row.weight
        for name, row in own.cells.items()
        if any(not pool.cells or name in pool.cells for pool in declared.capable_pools(task_type))
    }
    return preference(tenant, weights or {own.cell: 1.0})


def routed(tenant: str, task_type: str, send: Callable[[], Submission]) -> Submission:
    """Let `send` submit to one cell after the other, until one does not say that it is drained."""
    if not is_many():
        answer = send()
        return answer if answer.answer != "drained" else _closed(answer, task_type, cell_names())
    cells = choices(tenant, task_type)
    for cell in cells:
        with in_cell(cell):
            answer = send()
        if answer.answer != "drained":
            return replace(answer, cell=cell)
    return _closed(answer, task_type, cells)


def _closed(answer: Submission, task_type: str, cells: tuple[str, ...]) -> Submission:
    return replace(
        answer, answer="deferred", cell=cells[-1], retry_after_seconds=CLOSED_SECONDS,
        reason=f"every cell that runs {task_type!r} is drained ({', '.join(cells)}): `fleet cells undrain CELL` opens one",
    )  # fmt: skip


Coded = tuple[str, "TaskRequest", list[Any]]
"""A cell, and a request encoded for it."""


def encoded(request: TaskRequest, encode: Callable[[TaskRequest], list[Any]]) -> Coded:
    """Encode a request for its tenant's home: strategies that bind early rank the pools of the cell they speak to."""
    if not is_many():
        return "", request, encode(request)
    home = choices(request.tenant, request.task_type)[0]
    with in_cell(home):
        return home, request, encode(request)


Answers = list["Submission | FleetError"]


def deliver(
    batch: Sequence[Coded], start: Callable[[list[list[Any]]], Callable[[], list[Submission]]], alone: Callable[[TaskRequest], Submission]
) -> Callable[[], Answers]:
    """Send a batch, one message to each cell (`start`); the function returned waits for the answers, in the batch's order.

    What a drained cell does not take goes on `alone`. A silent cell fails its own.
    """
    homes: dict[str, list[int]] = {}
    for index, (home, _, _) in enumerate(batch):
        homes.setdefault(home, []).append(index)
    sent = []
    for cell, mine in homes.items():
        with in_cell(cell or cell_names()[0]):
            sent.append((cell, mine, start([batch[index][2] for index in mine])))
    return partial(_answers, batch, sent, alone)


def _answers(
    batch: Sequence[Coded], sent: Sequence[tuple[str, list[int], Callable[[], list[Submission]]]], alone: Callable[[TaskRequest], Submission]
) -> Answers:
    answers: dict[int, Submission | FleetError] = {}
    for cell, mine, reply in sent:
        try:
            with in_cell(cell or cell_names()[0]):
                given = reply()
            answers.update(zip(mine, [replace(answer, cell=cell) for answer in given] if cell else given, strict=True))
        except StoreUnavailable as error:
            answers |= dict.fromkeys(mine, error)
    for index, answer in answers.items():
        if isinstance(answer, Submission) and answer.answer == "drained":
            request = batch[index][1]
            answers[index] = routed(request.tenant, request.task_type, partial(alone, request))
    return [answers[index] for index in range(len(batch))]


def each() -> Iterator[str]:
    """Yield every cell's name, speaking to that cell meanwhile."""
    for name in cell_names():
        with in_cell(name):
            yield name


def each_answering() -> Iterator[str]:
    """Yield every cell that answers, speaking to it meanwhile; a fleet of one cell hears of its silence as an error."""
    for name in each():
        if is_many():
            try:
                with available():
                    connect().ping()
            except StoreUnavailable as error:
                logs.get("dispatcher").warning("cell_silent", cell=name, error=str(error), next="its tasks are not shown; is it up?")
                continue
        yield name


def each_with(name: str) -> Iterator[str]:
    """Yield the cells that have a pool of this name, all of them for a task type; an unknown name is refused."""
    declared = catalogue.whole()
    if name not in declared.pools and name not in declared.task_types:
        raise UnknownName("pool or task type", name, [*declared.pools, *declared.task_types])
    for cell in each():
        if name in catalogue.current().pools or name in declared.task_types:
            yield cell


@contextmanager
def holding(task_id: str, first: str = "") -> Iterator[str]:
    """Speak to the cell that has the task's record (`first` is asked first); to this process's own when none has it."""
    if is_many():
        with in_cell(_where(task_id, first)):
            yield current().cell
    else:
        yield current().cell


def _where(task_id: str, first: str) -> str:
    silent: StoreUnavailable | None = None
    for cell in dict.fromkeys((first or cell_names()[0], *cell_names())):
        try:
            with in_cell(cell), available():
                state = connect().hget(keys.task(cell, task_id), "state")
        except StoreUnavailable as error:
            silent = error
            continue
        if state and state != "moved":
            return cell
    if silent is not None:
        raise silent
    return first or cell_names()[0]
