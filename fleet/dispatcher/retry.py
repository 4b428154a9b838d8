"""What happens after an attempt failed?

Pure. Trying again can help unless the failure says otherwise; the wait doubles with every attempt, with full jitter, so
that a thousand tasks that failed together do not come back together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import random
from typing import Literal

from fleet.dispatcher.errors import MustWait, PermanentFailure
from fleet.errors import ConfigurationError, InvalidPayload

PERMANENT = (PermanentFailure, ConfigurationError, InvalidPayload)
PERMANENT_NAMES = frozenset({"ValidationError", "EncodeError", "NotRegistered"})


@dataclass(frozen=True, slots=True)
class AfterFailure:
    """`retry` after a delay on another pool, `back` when it only has to wait, or `failed` for good; whose fault it was."""

    outcome: Literal["retry", "back", "failed", "lost"]
    delay_seconds: float = 0.0
    is_task_fault: bool = False


def after_failure(
    error: BaseException, attempt: int, base_seconds: float, max_seconds: float, draw: Callable[[], float] = random
) -> AfterFailure:
    """Decide from the error and the number of the attempt that failed (1 is the first)."""
    if type(error).__name__ in ("WorkerLostError", "Terminated"):
        return AfterFailure("lost")
    if isinstance(error, MustWait):
        return AfterFailure("back", delay_seconds=max(error.seconds, 0.0))
    if isinstance(error, PERMANENT) or type(error).__name__ in PERMANENT_NAMES:
        return AfterFailure("failed", is_task_fault=True)
    ceiling = min(max_seconds, base_seconds * 2 ** min(attempt - 1, 32))
    return AfterFailure("retry", delay_seconds=max(0.0, draw() * ceiling))
