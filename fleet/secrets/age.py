"""Which secrets are too old?

Pure. A secret is `fresh`, then due (`warn`, 90 days by default), then overdue (`critical`, 180 days).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Verdict = Literal["fresh", "warn", "critical"]


@dataclass(frozen=True, slots=True)
class Age:
    """How old a secret's newest version is, and what that means."""

    path: str
    version: int
    age: timedelta
    verdict: Verdict
    reason: str


def judge(path: str, version: int, created_at: datetime, now: datetime, warn_days: int, critical_days: int) -> Age:
    """Judge one secret."""
    age = max(now - created_at, timedelta(0))
    days = age / timedelta(days=1)
    if days >= critical_days:
        return Age(path, version, age, "critical", f"{days:.0f} days old, limit {critical_days}: rotate it now")
    if days >= warn_days:
        left = critical_days - days
        return Age(path, version, age, "warn", f"{days:.0f} days old: rotate it within {left:.0f} days")
    return Age(path, version, age, "fresh", f"{days:.0f} days old, due after {warn_days}")


def oldest_first(ages: Iterable[Age]) -> tuple[Age, ...]:
    return tuple(sorted(ages, key=lambda item: item.age, reverse=True))


def worst(ages: Iterable[Age]) -> Verdict:
    """Return the worst verdict; `fresh` when there is no secret."""
    rank: Mapping[Verdict, int] = {"fresh": 0, "warn": 1, "critical": 2}
    return max((item.verdict for item in ages), key=rank.__getitem__, default="fresh")
