"""What may a producer ask for?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fleet.errors import ConfigurationError

DEFAULT_PRIORITY = 5


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """One task a producer wants done. Priority 0-9, 9 first; seconds are from now; complexity 0 (easy) to 1."""

    task_type: str
    payload: Mapping[str, Any]
    tenant: str = "default"
    priority: int = DEFAULT_PRIORITY
    delay_seconds: float = 0.0
    deadline_seconds: float | None = None
    idempotency_key: str = ""
    complexity: float = 0.5
    size_hint: float | None = None
    task_id: str = ""
    ignore_result: bool = False


_PRIORITIES = range(10)
_LONGEST = 1e10
"""Three centuries: no time is longer, and none that a script could not compute with."""


def _lies(value: Any, least: float, most: float) -> bool:
    try:
        return bool(least <= value <= most)
    except TypeError:
        return False


def check_options(request: TaskRequest) -> None:
    """Refuse what no task can have, naming the field, the value and the range."""
    if request.priority not in _PRIORITIES:
        raise ConfigurationError(f"priority is {request.priority!r}: use a whole number from 0 (last) to 9 (first)")
    if not _lies(request.complexity, 0, 1):
        raise ConfigurationError(f"complexity is {request.complexity!r}: use 0 (easy) to 1 (hard)")
    if not _lies(request.delay_seconds, 0, _LONGEST):
        raise ConfigurationError(f"delay_seconds is {request.delay_seconds!r}: use 0 or more")
    if request.deadline_seconds is not None:
        if not _lies(request.deadline_seconds, -_LONGEST, _LONGEST):
            raise ConfigurationError(f"deadline_seconds is {request.deadline_seconds!r}: use seconds from now, or None for no deadline")
        if not request.deadline_seconds > request.delay_seconds:
            raise ConfigurationError(
                f"deadline_seconds is {request.deadline_seconds}: it must lie after the delay of {request.delay_seconds:g} s"
            )
    if request.size_hint is not None and not (_lies(request.size_hint, 0, _LONGEST) and request.size_hint > 0):
        raise ConfigurationError(f"size_hint is {request.size_hint!r}: use a number above 0, or None where the size is not known")
    if not isinstance(request.tenant, str) or not request.tenant or len(request.tenant) > 128 or not request.tenant.isprintable():
        raise ConfigurationError(f"tenant is {request.tenant!r}: use 1 to 128 printable characters")
