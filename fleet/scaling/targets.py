"""How many replicas should every pool have now, and why?

`decide` is the whole decision: a policy turns snapshots into needs, limits turn needs into targets. It reads no clock
and touches no store, so the beat job, `fleet scale explain` and the backtest run exactly this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, assert_never

from fleet.errors import UnknownName
from fleet.scaling import staffing, threshold
from fleet.scaling.caps import Limit, LimitName, PoolLimits, bound
from fleet.scaling.pool import Need, PoolSnapshot, PoolState

Policy = Literal["staffing", "threshold"]


@dataclass(frozen=True, slots=True)
class DecisionSettings:
    """Which policy decides, with which numbers."""

    policy: Policy = "staffing"
    staffing: staffing.StaffingSettings = field(default_factory=staffing.StaffingSettings)
    threshold: threshold.ThresholdSettings = field(default_factory=threshold.ThresholdSettings)


@dataclass(frozen=True, slots=True)
class Target:
    """How many replicas a pool should have, with everything that led there."""

    pool: str
    replicas: int
    need: int
    """What the policy asked for before any limit."""
    previous: int
    """The target before this one."""
    reason: str
    binding: LimitName | None
    considered: tuple[Limit, ...]
    inputs: Mapping[str, float]
    snapshot: PoolSnapshot
    computed_at: float
    policy: Policy
    state: PoolState
    """What the decider must be given at the next tick."""

    @property
    def active(self) -> bool:
        """Whether the pool must have a replica at all."""
        return self.replicas > 0 or self.snapshot.work > 0


def decide(
    snapshots: Sequence[PoolSnapshot],
    states: Mapping[str, PoolState],
    limits: Mapping[str, PoolLimits],
    settings: DecisionSettings,
    now: float,
) -> list[Target]:
    """Return one target per snapshot, in their order."""
    for snap in snapshots:
        if snap.pool not in limits:
            raise UnknownName("pool", snap.pool, limits)
    remembered = [
        states.get(snap.pool) or PoolState(snap.pool, replicas=snap.ready, needs=(snap.ready,)) for snap in snapshots
    ]
    wanted = _needs(snapshots, remembered, settings, now)
    return [
        _target(snap, limits[snap.pool], need, state.replicas, settings.policy, now)
        for snap, state, need in zip(snapshots, remembered, wanted, strict=True)
    ]


def _needs(
    snapshots: Sequence[PoolSnapshot], states: Sequence[PoolState], settings: DecisionSettings, now: float
) -> list[Need]:
    match settings.policy:
        case "staffing":
            return staffing.needs(snapshots, states, settings.staffing, now)
        case "threshold":
            return threshold.needs(snapshots, states, settings.threshold, now)
        case _:
            assert_never(settings.policy)


def _target(snap: PoolSnapshot, limits: PoolLimits, need: Need, previous: int, policy: Policy, now: float) -> Target:
    bounded = bound(
        need.replicas,
        limits,
        previous=previous,
        work=snap.work,
        slots_per_replica=snap.slots_per_replica,
        service_seconds=snap.service_seconds,
    )
    reason = need.reason
    if bounded.binding:
        reason = f"{bounded.why} ({bounded.binding} binds; without it {need.replicas}: {need.reason})"
    return Target(
        pool=snap.pool,
        replicas=bounded.replicas,
        need=need.replicas,
        previous=previous,
        reason=reason,
        binding=bounded.binding,
        considered=bounded.considered,
        inputs=need.inputs,
        snapshot=snap,
        computed_at=now,
        policy=policy,
        state=replace(need.state, replicas=bounded.replicas),
    )
