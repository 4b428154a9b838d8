"""What followed from the fault? Pure: log lines, strikes and final states in, figures out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any


@dataclass(frozen=True, slots=True)
class Note:
    """One line of the log: a task started or ended in a process, whose parent is the worker."""

    at: float
    what: str
    task_id: str
    attempt: int
    pid: int
    worker: int


@dataclass(frozen=True, slots=True)
class Strike:
    """A blow: from when to when it fell, and at which process (a worker or one of its children); 0: at everybody."""

    at: float
    pid: int = 0
    until: float = 0.0

    @property
    def end(self) -> float:
        return max(self.at, self.until)


@dataclass(frozen=True, slots=True)
class Promise:
    """What should follow from a fault. Seconds; None: nothing is said of it."""

    recovered_within: float | None = None
    """Until every task it interrupted runs again."""
    silent_within: float | None = None
    """The longest time in which no task starts."""
    may_run_again: bool = True
    """Whether tasks it interrupted may be started a second time."""
    only_hit: bool = True
    """Whether nothing but what it interrupted may be."""
    must_hit: bool = True
    """Whether it proves nothing unless somebody was at work."""


@dataclass(frozen=True, slots=True)
class Score:
    """An experiment's outcome. Seconds count from the blow; None: nothing of the kind was to be seen."""

    name: str
    hypothesis: str
    tasks: int
    blows: int
    in_flight: int
    """Attempts that were running where a blow fell."""
    lost: int
    """Accepted tasks that have no result."""
    doubled: int
    """Tasks with more than one accepted result."""
    ran_again: int
    """Tasks that were started more than once."""
    detected_seconds: float | None
    """Until the first task that was interrupted ran again."""
    recovered_seconds: float | None
    """Until the last one did."""
    p99_seconds: float | None
    """Of all that were interrupted, where there are enough to say."""
    silent_seconds: float
    """The longest time in which no task started."""
    finished_seconds: float
    """Until every task had ended."""
    notes: tuple[str, ...]
    """What else was seen: what a producer was told, what did not run here."""
    holds: bool
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


ENOUGH_FOR_P99 = 20


def parse(lines: Iterable[str]) -> list[Note]:
    """Read the log; a torn last line is left out."""
    notes = []
    for line in lines:
        parts = line.split()
        if len(parts) == 6:
            notes.append(Note(float(parts[0]), parts[1], parts[2], int(parts[3]), int(parts[4]), int(parts[5])))
    return notes


def in_flight(notes: Iterable[Note]) -> dict[str, Note]:
    """Return the latest start of every task that has started and not ended since."""
    running: dict[str, Note] = {}
    for entry in notes:
        if entry.what == "start":
            running[entry.task_id] = entry
        else:
            running.pop(entry.task_id, None)
    return running


def score(
    name: str, hypothesis: str, promise: Promise, states: Mapping[str, str], accepted: Mapping[str, int], notes: Sequence[Note],
    strikes: Sequence[Strike], finished_at: float, seen: Sequence[str] = (), wrong: Sequence[str] = (),
) -> Score:  # fmt: skip
    """Compare what happened with what was promised; `accepted` counts accepted results per task, `wrong` is known already."""
    starts: dict[str, list[float]] = {}
    for entry in notes:
        if entry.what == "start":
            starts.setdefault(entry.task_id, []).append(entry.at)
    hit, waits = 0, []
    interrupted: set[str] = set()
    for strike in strikes:
        running = in_flight(entry for entry in notes if entry.at <= strike.end)
        victims = [task for task, start in running.items() if strike.pid in (0, start.pid, start.worker)]
        hit += len(victims)
        interrupted |= set(victims)
        waits += [min(later) - strike.at for task in victims if (later := [at for at in starts[task] if at > strike.end])]
    again = {task for task, times in starts.items() if len(times) > 1}
    first = min((strike.at for strike in strikes), default=finished_at)
    after = [first, *sorted(at for times in starts.values() for at in times if at > first)]
    silence = max((later - earlier for earlier, later in pairwise(after)), default=0.0)
    lost = sum(state != "done" for state in states.values())
    doubled = sum(count > 1 for count in accepted.values())
    recovered = max(waits, default=None)
    reasons = [*wrong]
    if lost:
        reasons.append(f"{lost} tasks have no result")
    if doubled:
        reasons.append(f"{doubled} tasks have two accepted results")
    if again and not promise.may_run_again:
        reasons.append(f"{len(again)} tasks ran twice")
    if promise.only_hit and (others := again - interrupted):
        reasons.append(f"{len(others)} tasks ran twice that no blow had interrupted")
    if recovered is not None and promise.recovered_within is not None and recovered > promise.recovered_within:
        reasons.append(f"recovery took {recovered:.1f} s, promised are {promise.recovered_within:g}")
    if promise.silent_within is not None and silence > promise.silent_within:
        reasons.append(f"nobody started a task for {silence:.1f} s, promised are {promise.silent_within:g}")
    if promise.must_hit and not hit:
        reasons.append("nobody was at work: the fault proves nothing")
    return Score(
        name, hypothesis, len(states), len(strikes), hit, lost, doubled, len(again), min(waits, default=None), recovered,
        percentile(waits, 0.99) if len(waits) >= ENOUGH_FOR_P99 else None, silence, finished_at - first, tuple(seen), not reasons,
        tuple(reasons),
    )  # fmt: skip


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that this share of all does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
