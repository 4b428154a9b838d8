"""What would the HorizontalPodAutoscaler do with this metric?

The published algorithm of autoscaling/v2: ratio with a tolerance per direction, then stabilisation windows, then
policies per period, then bounds. Used to prove that the metric we publish lands on the target, and to give the
backtest an honest opponent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

SYNC_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Step:
    """One policy: so many pods, or so many per cent, in a period."""

    kind: Literal["Pods", "Percent"]
    value: int
    period_seconds: int = 15


@dataclass(frozen=True, slots=True)
class Direction:
    """Rules for one direction; `Max` lets the most generous step decide."""

    window_seconds: int
    steps: tuple[Step, ...]
    tolerance: float = 0.1
    select: Literal["Max", "Min", "Disabled"] = "Max"


DEFAULT_UP = Direction(0, (Step("Percent", 100), Step("Pods", 4)))
DEFAULT_DOWN = Direction(300, (Step("Percent", 100),))


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The autoscaler's bounds and rules."""

    minimum: int = 1
    maximum: int = 100
    up: Direction = DEFAULT_UP
    down: Direction = DEFAULT_DOWN


@dataclass(frozen=True, slots=True)
class Memory:
    """What the controller remembers: recommendations and changes, as (time, replicas)."""

    recommendations: tuple[tuple[float, int], ...] = ()
    changes: tuple[tuple[float, int], ...] = field(default=())


def average_value(metric: float, target: float, status_replicas: int, behaviour: Behaviour) -> int:
    """Return the proposal for an external metric of type AverageValue; without a pod yet, any metric is out of the band."""
    if status_replicas > 0 and _tolerated(metric / (target * status_replicas), behaviour):
        return status_replicas
    return math.ceil(_milli(metric) / _milli(target))


def utilisation(busy: Sequence[float], starting: int, goal: float, status_replicas: int, behaviour: Behaviour) -> int:
    """Return the proposal for utilisation; `busy` is each ready pod's share, starting pods count nothing upwards."""
    if not busy:
        return status_replicas
    ratio = sum(busy) / len(busy) / goal
    if ratio <= 1.0 or not starting:
        return status_replicas if _tolerated(ratio, behaviour) else math.ceil(ratio * len(busy))
    pods = len(busy) + starting
    damped = sum(busy) / pods / goal
    proposal = math.ceil(damped * pods)
    if _tolerated(damped, behaviour) or damped < 1.0 or proposal < status_replicas:
        return status_replicas
    return proposal


def settle(proposal: int, current: int, now: float, memory: Memory, behaviour: Behaviour) -> tuple[int, Memory]:
    """Return the replicas the controller sets for a proposal, and what it remembers."""
    recommendations = (*memory.recommendations, (now, proposal))
    lowest = min([proposal, *(r for t, r in recommendations if t > now - behaviour.up.window_seconds)])
    highest = max([proposal, *(r for t, r in recommendations if t > now - behaviour.down.window_seconds)])
    stable = min(max(current, lowest), highest)
    settled = _limited(stable, current, now, memory, behaviour)
    longest = max(behaviour.up.window_seconds, behaviour.down.window_seconds, 1)
    period = max([step.period_seconds for way in (behaviour.up, behaviour.down) for step in way.steps] or [15])
    changes = tuple((t, d) for t, d in memory.changes if t > now - period)
    if settled != current:
        changes = (*changes, (now, settled - current))
    return settled, Memory(tuple((t, r) for t, r in recommendations if t > now - longest), changes)


def _limited(wanted: int, current: int, now: float, memory: Memory, behaviour: Behaviour) -> int:
    if wanted > current:
        ceiling = max(_reach(behaviour.up, current, now, memory, up=True), current)
        return max(min(wanted, ceiling, behaviour.maximum), behaviour.minimum)
    if wanted < current:
        ground = min(_reach(behaviour.down, current, now, memory, up=False), current)
        return min(max(wanted, ground, behaviour.minimum), behaviour.maximum)
    return min(max(wanted, behaviour.minimum), behaviour.maximum)


def _reach(way: Direction, current: int, now: float, memory: Memory, *, up: bool) -> int:
    """Return how far this direction's policies let the replicas go."""
    if way.select == "Disabled":
        return current
    reached = []
    for step in way.steps:
        start = current - sum(change for t, change in memory.changes if t > now - step.period_seconds)
        if step.kind == "Pods":
            reached.append(start + step.value if up else start - step.value)
        else:
            reached.append(math.ceil(start * (100 + step.value) / 100) if up else int(start * (100 - step.value) / 100))
    if not reached:
        return 2**31 - 1 if up else 0
    return max(reached) if (way.select == "Max") == up else min(reached)


def _tolerated(ratio: float, behaviour: Behaviour) -> bool:
    return 1.0 - behaviour.down.tolerance <= ratio <= 1.0 + behaviour.up.tolerance


def _milli(value: float) -> int:
    """Quantities travel in thousandths; KEDA cuts the rest off."""
    return int(value * 1000)
