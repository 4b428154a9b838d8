"""What did the fleet answer to a submit?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Answer = Literal["accepted", "deferred", "refused"]


@dataclass(frozen=True, slots=True)
class Submission:
    """The answer as a value: accepted (with the pool, once known), deferred (try again later) or refused (why)."""

    answer: Answer
    task_id: str
    pool: str | None
    reason: str
    retry_after_seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def from_reply(reply: list[Any]) -> Submission:
    """Read one row of what submit.lua returns."""
    answer, task_id, pool, reason, retry = (part.decode() if isinstance(part, bytes) else str(part) for part in reply)
    return Submission(answer, task_id, pool or None, reason, float(retry or 0))  # type: ignore[arg-type]
