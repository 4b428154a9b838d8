"""Which settings work until the day they do not?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from fleet.diagnostics.facts import Facts
from fleet.diagnostics.finding import Finding


def redelivery_is_late_enough(facts: Facts) -> Iterator[Finding]:
    longest = max((row.time_limit_seconds for row in facts.catalogue.task_types.values()), default=0.0)
    have = facts.settings.broker.visibility_timeout_seconds
    if have <= longest:
        yield Finding(
            "configuration.visibility_timeout",
            "unhealthy",
            "broker.visibility_timeout_seconds",
            f"{have} s, while tasks may run {longest:g} s",
            "the broker delivers a running task's message again; the fence drops it, but it costs a slot's time",
            f"set it above {longest:g}, the same in every process",
        )


def grace_covers_tasks(facts: Facts) -> Iterator[Finding]:
    for pool in facts.catalogue.pools.values():
        runs = facts.catalogue.agent_types[pool.agent_type].runs
        longest = max((facts.catalogue.task_types[name].time_limit_seconds for name in runs), default=0.0)
        if pool.grace_seconds < longest:
            yield Finding(
                "configuration.grace",
                "warning",
                pool.name,
                f"grace_seconds is {pool.grace_seconds:g}, its tasks may run {longest:g} s",
                "a replica that leaves is killed in the middle of long tasks; they run again elsewhere",
                f"set pools.{pool.name}.grace_seconds to {longest:g} or more",
            )


def lease_outlasts_heartbeats(facts: Facts) -> Iterator[Finding]:
    leases = facts.settings.leases
    if leases.lease_seconds < 2 * leases.heartbeat_seconds:
        yield Finding(
            "configuration.lease",
            "unhealthy",
            "leases.lease_seconds",
            f"{leases.lease_seconds:g} s with a heartbeat every {leases.heartbeat_seconds:g} s",
            "one late heartbeat takes a healthy worker's tasks away",
            "make the lease three heartbeats long",
        )


def store_keeps_everything(facts: Facts) -> Iterator[Finding]:
    if facts.broker is None:
        return
    if facts.broker.policy not in (None, "noeviction"):
        yield Finding(
            "configuration.eviction",
            "critical",
            "store",
            f"maxmemory-policy is {facts.broker.policy}",
            "under memory pressure tasks, budgets and leases vanish silently",
            "CONFIG SET maxmemory-policy noeviction, and in its configuration file",
            "noeviction",
        )
    if facts.broker.append_only is False:
        yield Finding(
            "configuration.append_only",
            "unhealthy",
            "store",
            "appendonly is off",
            "a restart loses every task since the last snapshot",
            "CONFIG SET appendonly yes, and in its configuration file",
            "appendonly",
        )


def versions_agree(facts: Facts) -> Iterator[Finding]:
    versions = Counter(worker.version for worker in facts.workers or () if worker.version)
    if len(versions) > 1:
        yield Finding(
            "configuration.versions",
            "warning",
            "workers",
            ", ".join(f"{count} on {version}" for version, count in versions.items()),
            "different versions may understand tasks differently",
            "finish the rollout: `fleet workers` shows who is behind",
        )


def workers_hoard_nothing(facts: Facts) -> Iterator[Finding]:
    for worker in facts.workers or ():
        if worker.hoards:
            yield Finding(
                "configuration.prefetch",
                "warning",
                worker.worker_id,
                f"it may hold {'any number of' if worker.hoards < 0 else worker.hoards} messages beyond what it runs",
                "tasks wait behind its long ones while other workers are free, and overtake their priorities",
                f"start it as `fleet worker {worker.pool}` does: without --prefetch-multiplier and worker_prefetch_multiplier, "
                "worker_disable_prefetch as fleet.app sets it",
            )


def targets_are_fresh(facts: Facts) -> Iterator[Finding]:
    for pool, age in sorted((facts.target_ages or {}).items()):
        if pool in facts.catalogue.pools and age > facts.settings.scaling.stale_seconds:
            yield Finding(
                "configuration.stale_target",
                "unhealthy",
                pool,
                f"its target is {age:.0f} s old",
                "KEDA falls back to its fallback replicas; the local scaler to the minimum",
                "start beat and the maintenance worker: `fleet beat`, `fleet maintenance`",
            )


def replicas_have_one_owner(facts: Facts) -> Iterator[Finding]:
    for who in facts.cluster.second_owners if facts.cluster else ():
        yield Finding(
            "configuration.second_owner",
            "critical",
            who.partition(":")[0],
            f"scaled by {who.partition(': ')[2]}",
            "two owners undo each other's work every few seconds",
            "delete the one that is not KEDA's",
        )


def scaling_sees_running_work(facts: Facts) -> Iterator[Finding]:
    for who in facts.cluster.list_triggers if facts.cluster else ():
        yield Finding(
            "configuration.list_trigger",
            "unhealthy",
            who.partition(":")[0],
            f"scales by a list's length ({who.partition(': ')[2]})",
            "running, reserved and prioritised tasks are not in that list: replicas are taken away in the middle of work",
            "use the fleet's scaler: `fleet scale manifests`, `fleet scale apply`",
        )


def pods_outlast_tasks(facts: Facts) -> Iterator[Finding]:
    for pool, grace in sorted((facts.cluster.grace if facts.cluster else {}).items()):
        declared = facts.catalogue.pools.get(pool)
        if declared is not None and grace < declared.grace_seconds:
            yield Finding(
                "configuration.pod_grace",
                "unhealthy",
                pool,
                f"its pods get {grace:g} s to finish, the pool's grace_seconds is {declared.grace_seconds:g}",
                "Kubernetes kills the worker while its tasks still run; they begin again elsewhere",
                "render the chart's values from the catalogue again: `fleet render chart-values`, then upgrade",
            )


def pools_may_grow(facts: Facts) -> Iterator[Finding]:
    for pool in facts.catalogue.pools.values():
        if pool.max_replicas == 0:
            yield Finding(
                "configuration.no_replicas",
                "unhealthy",
                pool.name,
                "max_replicas is 0",
                "its tasks are held for ever",
                f"set pools.{pool.name}.max_replicas to 1 or more",
            )


CHECKS = (
    redelivery_is_late_enough,
    grace_covers_tasks,
    lease_outlasts_heartbeats,
    store_keeps_everything,
    versions_agree,
    workers_hoard_nothing,
    targets_are_fresh,
    replicas_have_one_owner,
    scaling_sees_running_work,
    pods_outlast_tasks,
    pools_may_grow,
)
