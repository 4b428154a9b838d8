"""What did the fleet answer to a submit?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Literal

Answer = Literal["accepted", "deferred", "refused", "drained"]
"""`drained` is for the router's ears only: another cell has to take the task."""


@dataclass(frozen=True, slots=True)
class Submission:
    """The answer as a value: accepted (with the pool, once known), deferred (try again later) or refused (why)."""

    answer: Answer
    task_id: str
    pool: str | None
    reason: str
    retry_after_seconds: float = 0.0
    cell: str = ""
    """The cell that answered; empty: the only one."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def from_reply(reply: bytes, task_ids: Sequence[str]) -> list[Submission]:
    """Read what submit.lua returns for these tasks: equal answers in a row come once, with how many they are."""
    ids, found = iter(task_ids), []
    for row in reply.decode().split("\x1e"):
        count, answer, other_id, pool, reason, retry = row.split("\x1f")
        seconds = float(retry)
        for task_id in islice(ids, int(count)):
            found.append(Submission(answer, other_id or task_id, pool or None, reason, seconds))  # type: ignore[arg-type]
    return found
