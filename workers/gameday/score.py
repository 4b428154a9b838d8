"""What followed from the fault? Pure: log lines and final states in, figures out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Note:
    """One line of the log."""

    at: float
    what: str
    task_id: str
    attempt: int
    pid: int


@dataclass(frozen=True, slots=True)
class Score:
    """An experiment's outcome. Seconds count from the fault; None: nothing of the kind was to be seen."""

    name: str
    hypothesis: str
    tasks: int
    lost: int
    """Accepted tasks that have no result."""
    doubled: int
    """Tasks with more than one accepted result: more than one attempt that ended and was believed."""
    ran_again: int
    """Tasks that were started more than once; they were in flight."""
    in_flight: int
    recovered_seconds: float | None
    """Until the last task that the fault interrupted was started again."""
    finished_seconds: float
    holds: bool
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        from dataclasses import asdict

        return asdict(self)


def parse(lines: Iterable[str]) -> list[Note]:
    """Read the log; a torn last line is left out."""
    notes = []
    for line in lines:
        parts = line.split()
        if len(parts) == 5:
            notes.append(Note(float(parts[0]), parts[1], parts[2], int(parts[3]), int(parts[4])))
    return notes


def in_flight(notes: Iterable[Note]) -> set[str]:
    """Return the tasks whose latest attempt has started and not ended."""
    running: set[str] = set()
    for entry in notes:
        (running.add if entry.what == "start" else running.discard)(entry.task_id)
    return running


def score(
    name: str, hypothesis: str, states: Mapping[str, str], believed: Mapping[str, int], notes: list[Note], fault_at: float,
    finished_at: float, recover_within: float, may_run_again: bool = True,
) -> Score:  # fmt: skip
    """Compare what happened with the hypothesis; `believed` counts accepted results per task."""
    starts: dict[str, list[Note]] = defaultdict(list)
    for entry in notes:
        if entry.what == "start":
            starts[entry.task_id].append(entry)
    hit = in_flight(entry for entry in notes if entry.at <= fault_at)
    again = {task for task, runs in starts.items() if len({run.attempt for run in runs}) > 1}
    restarts = [run.at - fault_at for task in again for run in starts[task] if run.at > fault_at and run.attempt > 1]
    lost = sum(state != "done" for state in states.values())
    doubled = sum(count > 1 for count in believed.values())
    recovered = max(restarts) if restarts else None
    wrong = []
    if lost:
        wrong.append(f"{lost} tasks have no result")
    if doubled:
        wrong.append(f"{doubled} tasks have two accepted results")
    if again and not may_run_again:
        wrong.append(f"{len(again)} tasks ran twice")
    if recovered is not None and recovered > recover_within:
        wrong.append(f"recovery took {recovered:.1f} s, expected at most {recover_within:g}")
    return Score(
        name, hypothesis, len(states), lost, doubled, len(again), len(hit), recovered, finished_at - fault_at, not wrong, tuple(wrong)
    )  # fmt: skip
