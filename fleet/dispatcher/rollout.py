"""Does a new version get more, everything, or nothing? Pure: what both versions did in, decision out.

Success counts first, with a confidence bound, so that neither one unlucky task ends a rollout nor a lucky few promote
it; then time; then what the slots cost for each success.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

State = Literal["running", "promoted", "rolled_back", "aborted"]
Action = Literal["hold", "next", "promote", "roll_back"]

SURE = 2.58
"""Standard deviations of the confidence bound: 99 %, since it is looked at again and again."""
LEAST_FAILURES = 3


@dataclass(frozen=True, slots=True)
class Rollout:
    """A new version of a pool and how far it got; `share` in percent of new tasks."""

    pool: str
    version: str
    task_types: tuple[str, ...]
    steps: tuple[float, ...]
    share: float
    state: State = "running"
    reason: str = "started"
    started_at: float = 0.0
    step_at: float = 0.0
    step_seconds: float = 60.0
    """How long each step lasts at least."""

    @property
    def version_pool(self) -> str:
        return f"{self.pool}@{self.version}"

    @property
    def is_live(self) -> bool:
        return self.state in ("running", "promoted")


@dataclass(frozen=True, slots=True)
class Record:
    """What a pool did lately: attempts, those that succeeded, seconds and micro-dollars (None: nothing known)."""

    tried: int = 0
    succeeded: int = 0
    mean_seconds: float | None = None
    cost_per_success: float | None = None
    is_ejected: bool = False

    @property
    def success_rate(self) -> float:
        return self.succeeded / self.tried if self.tried else 1.0


@dataclass(frozen=True, slots=True)
class Rules:
    """What the new version may be worse by, and how much must be seen before it gets more."""

    least_tried: int = 20
    tolerance: float = 0.02
    slower: float = 1.5
    dearer: float = 1.5
    least_seconds_apart: float = 0.1
    """Differences of service time below this are no harm, whatever their ratio."""


@dataclass(frozen=True, slots=True)
class Decision:
    action: Action
    reason: str


def bounds(succeeded: int, tried: int) -> tuple[float, float]:
    """Return Wilson's interval of a share."""
    if not tried:
        return 0.0, 1.0
    share, square = succeeded / tried, SURE**2
    middle = (share + square / (2 * tried)) / (1 + square / tried)
    half = SURE * math.sqrt(share * (1 - share) / tried + square / (4 * tried**2)) / (1 + square / tried)
    return max(0.0, middle - half), min(1.0, middle + half)


def next_share(rollout: Rollout) -> float | None:
    """Return the next larger step, or None at the last."""
    return next((step for step in rollout.steps if step > rollout.share), None)


def judge(rollout: Rollout, new: Record, old: Record, seconds_on_step: float, rules: Rules) -> Decision:
    """Decide about a running rollout."""
    if new.is_ejected:
        return Decision("roll_back", f"{rollout.version_pool} failed so often that it was ejected")
    floor = old.success_rate - rules.tolerance
    _, most = bounds(new.succeeded, new.tried)
    seen = f"{new.succeeded} of {new.tried} attempts succeeded"
    if most < floor and new.tried - new.succeeded >= LEAST_FAILURES:
        return Decision("roll_back", f"{seen}: at most {most:.1%}, the old version has {old.success_rate:.1%}")
    if new.tried < rules.least_tried:
        return Decision("hold", f"{seen}: {rules.least_tried} attempts are needed to judge")
    if new.success_rate < floor:
        return Decision("hold", f"{seen}: worse than the old version's {old.success_rate:.1%}, but it may be chance")
    if harm := _harm(new, old, rules):
        return Decision("roll_back", harm)
    if seconds_on_step < rollout.step_seconds:
        return Decision("hold", f"{seen}: {seconds_on_step:.0f} of {rollout.step_seconds:g} s at {rollout.share:g} %")
    if (share := next_share(rollout)) is not None:
        return Decision("next", f"{seen}: from {rollout.share:g} % to {share:g} %")
    return Decision("promote", f"{seen} at {rollout.share:g} %, no worse than the old version")


def _harm(new: Record, old: Record, rules: Rules) -> str:
    if new.mean_seconds and old.mean_seconds and new.mean_seconds - old.mean_seconds > rules.least_seconds_apart:
        ratio = new.mean_seconds / old.mean_seconds
        if ratio > rules.slower:
            return f"it takes {new.mean_seconds:.2f} s, {ratio:.1f} times the old version's {old.mean_seconds:.2f} s"
    if new.cost_per_success and old.cost_per_success:
        ratio = new.cost_per_success / old.cost_per_success
        if ratio > rules.dearer:
            return f"a success costs {ratio:.1f} times what it costs with the old version"
    return ""
