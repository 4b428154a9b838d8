"""How many replicas does the reference rule ask for?

Once a minute: average load above 0.8 adds one replica, below 0.2 removes one while there is more than one. Kept
because it is easily predicted; it follows a burst slowly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fleet.scaling.pool import Need, PoolSnapshot, PoolState


@dataclass(frozen=True, slots=True)
class ThresholdSettings:
    """The rule's three numbers."""

    high: float = 0.8
    low: float = 0.2
    period_seconds: float = 60.0


def needs(
    snapshots: Sequence[PoolSnapshot], states: Sequence[PoolState], settings: ThresholdSettings, now: float
) -> list[Need]:
    """Return what each pool needs; `states` are in the order of `snapshots`."""
    return [_need(snap, state, settings, now) for snap, state in zip(snapshots, states, strict=True)]


def _need(snap: PoolSnapshot, state: PoolState, settings: ThresholdSettings, now: float) -> Need:
    current = state.replicas or snap.ready
    slots = snap.ready * snap.slots_per_replica
    load = snap.running / slots if slots else float(snap.work > 0)
    inputs = {"load": load, "replicas": float(current)}
    if current == 0 and snap.work:
        return Need(1, f"{snap.work} tasks and no replica", inputs, replace(state, at=now, stepped_at=now))
    if state.stepped_at is not None and 0.0 <= now - state.stepped_at < settings.period_seconds:
        wait = settings.period_seconds - (now - state.stepped_at)
        return Need(current, f"load {load:.2f}; next look in {wait:.0f} s", inputs, replace(state, at=now))
    remembered = replace(state, at=now, stepped_at=now)
    if load > settings.high:
        return Need(current + 1, f"load {load:.2f} is above {settings.high}", inputs, remembered)
    if load < settings.low and current > 1:
        return Need(current - 1, f"load {load:.2f} is below {settings.low}", inputs, remembered)
    return Need(current, f"load {load:.2f} is between {settings.low} and {settings.high}", inputs, remembered)
