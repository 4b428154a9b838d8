"""How does a tick turn what is going on into published targets?

Gather, decide, save. One runner at a time (a lease), so two schedulers cannot count a tick twice. Nothing is saved
when gathering fails: targets then grow stale, visibly, and whoever obeys them stops trusting them.
"""

from __future__ import annotations

from dataclasses import replace

from fleet.catalogue.declaration import Catalogue
from fleet.scaling import limits
from fleet.scaling.gather import gather
from fleet.scaling.snapshot import snapshots
from fleet.scaling.staffing import StaffingSettings
from fleet.scaling.target_store import TargetStore
from fleet.scaling.targets import DecisionSettings, Target, decide
from fleet.settings import ScalingSettings
from fleet.store import keys
from fleet.store.client import Client
from fleet.store.lease import singleton

LEASE_SECONDS = 5.0
"""What a tick may take on a busy machine, however often there is one; a lease ends with its tick."""


def refresh(client: Client, cell: str, catalogue: Catalogue, settings: ScalingSettings) -> list[Target] | None:
    """Compute and publish every pool's target; None while, or just after, another runner is at it."""
    with singleton(client, f"{keys.prefix(cell)}lease:targets", max(settings.interval_seconds, LEASE_SECONDS)) as lease:
        if lease is None:
            return None
        store = TargetStore(client, cell)
        now = store.now()
        pools = list(catalogue.pools)
        states, previous = store.remembered(pools)
        if any(
            state.at is not None and 0.0 <= now - state.at < settings.interval_seconds / 2 for state in states.values()
        ):
            return None
        gathered = gather(client, cell, catalogue, now)
        seen, counters = snapshots(
            gathered, catalogue, previous, store.seasonal(pools, now), settings.wait_goal_seconds
        )
        bounds = limits.gather(client, cell, catalogue, {snap.pool: snap.ready for snap in seen}, now)
        targets = decide(seen, states, bounds, decision_settings(settings), now)
        if not lease.renew():
            return None
        store.save(targets, counters)
        store.forget(set(store.pools()) - set(pools))
        return targets


def decision_settings(settings: ScalingSettings) -> DecisionSettings:
    """Return the decider's settings as the fleet's settings ask for them."""
    staffing = StaffingSettings()
    staffing = replace(
        staffing,
        tick_seconds=settings.interval_seconds,
        headroom=replace(staffing.headroom, allowed_share=settings.violation_share),
    )
    return DecisionSettings(policy=settings.policy, staffing=staffing)
