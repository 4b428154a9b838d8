"""Which limit binds a pool's target?

A need passes floors (minimum, an alert's raised floor, work that must not be stranded), then ceilings (maximum,
provider quota, budget), and an operator's pin replaces it. Every limit that was considered is kept, so that the
target can say which one bound and how far away the others were.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from fleet.errors import ConfigurationError

LimitName = Literal["minimum", "maximum", "quota", "budget", "pin", "floor", "emergency", "work"]


@dataclass(frozen=True, slots=True)
class QuotaShare:
    """What a provider lets this pool's tasks use of something in a minute, and what one task uses of it."""

    name: str
    """provider/model, or provider/*."""
    unit: Literal["tokens", "requests"]
    per_minute: float
    per_task: float


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """What bounds one pool; absent limits are None."""

    minimum: int = 0
    maximum: int = 10
    price_per_replica_hour_usd: float = 0.0
    quotas: tuple[QuotaShare, ...] = ()
    budget_usd_per_hour: float | None = None
    """What the remaining budget lets this pool spend."""
    task_cost_usd: float = 0.0
    """What a task costs besides the replica (tokens)."""
    pin: int | None = None
    floor: int | None = None
    """Raised by an alert for a time."""
    emergency: bool = False

    def __post_init__(self) -> None:
        if self.minimum < 0:
            raise ConfigurationError(f"minimum replicas {self.minimum} is negative: use 0 or more")
        if self.minimum > self.maximum:
            raise ConfigurationError(
                f"minimum replicas {self.minimum} exceeds maximum replicas {self.maximum}: "
                "lower the one or raise the other"
            )
        if self.price_per_replica_hour_usd < 0:
            raise ConfigurationError(
                f"price {self.price_per_replica_hour_usd} USD per replica-hour is negative: use 0 or more"
            )


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit that was considered, in replicas."""

    name: LimitName
    kind: Literal["floor", "ceiling", "fixed"]
    replicas: int
    why: str


@dataclass(frozen=True, slots=True)
class Bounded:
    """A need after every limit."""

    replicas: int
    binding: LimitName | None
    why: str
    considered: tuple[Limit, ...]


def bound(
    need: int,
    limits: PoolLimits,
    *,
    previous: int = 0,
    work: int = 0,
    slots_per_replica: int = 1,
    service_seconds: float = 1.0,
) -> Bounded:
    """Return the target for `need`, and the limit that made it differ."""
    considered = tuple(_considered(limits, previous, work, slots_per_replica, service_seconds))
    replicas, binding = need, None
    floors = [limit for limit in considered if limit.kind == "floor" and limit.name not in ("minimum", "work")]
    ceilings = [limit for limit in considered if limit.kind == "ceiling"]
    last_word = [limit for limit in considered if limit.name in ("minimum", "work")]
    if pin := next((limit for limit in considered if limit.kind == "fixed"), None):
        replicas, binding = pin.replicas, pin
        ceilings = [limit for limit in ceilings if limit.name == "maximum"]
        floors, last_word = [], []
    for limit in sorted(floors, key=lambda limit: limit.replicas):
        if limit.replicas > replicas:
            replicas, binding = limit.replicas, limit
    for limit in sorted(ceilings, key=lambda limit: -limit.replicas):
        if limit.replicas < replicas:
            replicas, binding = limit.replicas, limit
    for limit in last_word:
        if limit.replicas > replicas:
            replicas, binding = limit.replicas, limit
    if binding is None or (replicas == need and binding.kind != "fixed"):
        return Bounded(replicas, None, "", considered)
    return Bounded(replicas, binding.name, binding.why, considered)


def quota_replicas(quota: QuotaShare, slots_per_replica: int, service_seconds: float) -> int:
    """Return how many replicas can be kept busy inside a provider's quota; more would only wait for it."""
    tasks_per_second = quota.per_minute / 60.0 / max(quota.per_task, 1e-9)
    return math.ceil(tasks_per_second * service_seconds / slots_per_replica - 1e-9)


def budget_replicas(limits: PoolLimits, slots_per_replica: int, service_seconds: float) -> int | None:
    """Return how many fully used replicas the budget pays for, counting what their tasks cost."""
    if limits.budget_usd_per_hour is None:
        return None
    tasks_per_hour = 3600.0 / max(service_seconds, 1e-3) * slots_per_replica
    hourly = limits.price_per_replica_hour_usd + tasks_per_hour * limits.task_cost_usd
    return math.floor(max(limits.budget_usd_per_hour, 0.0) / hourly + 1e-9) if hourly > 0 else None


def _considered(
    limits: PoolLimits, previous: int, work: int, slots_per_replica: int, service_seconds: float
) -> list[Limit]:
    found = [
        Limit("minimum", "floor", limits.minimum, f"the pool keeps at least {limits.minimum}"),
        Limit("maximum", "ceiling", limits.maximum, f"the pool may have at most {limits.maximum}"),
    ]
    if limits.pin is not None:
        found.append(Limit("pin", "fixed", limits.pin, f"an operator pinned the pool to {limits.pin}"))
    if limits.floor is not None:
        found.append(Limit("floor", "floor", limits.floor, f"an alert raised the floor to {limits.floor}"))
    if limits.emergency:
        found.append(Limit("emergency", "floor", previous, "emergency mode keeps the capacity there is"))
    for quota in limits.quotas:
        replicas = quota_replicas(quota, slots_per_replica, service_seconds)
        why = (
            f"{quota.name} allows this pool {quota.per_minute:,.0f} {quota.unit} a minute, "
            f"at {_plain(quota.per_task)} {quota.unit} a task {replicas} replicas use them up"
        )
        found.append(Limit("quota", "ceiling", replicas, why))
    budget = budget_replicas(limits, slots_per_replica, service_seconds)
    if budget is not None:
        why = f"the remaining budget allows {limits.budget_usd_per_hour:.2f} USD an hour: {budget} replicas"
        found.append(Limit("budget", "ceiling", budget, why))
    if work:
        why = f"{work} tasks are held, queued or running, so the pool must not vanish"
        found.append(Limit("work", "floor", min(1, limits.maximum), why))
    return found


def _plain(number: float) -> str:
    """Write 1,234 and 2.5, not 1.23e+03."""
    return f"{number:,.0f}" if number >= 100.0 else f"{number:.3g}"
