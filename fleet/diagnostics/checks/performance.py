"""Is work done in time, and done well?"""

from __future__ import annotations

from collections.abc import Iterator

from fleet.diagnostics.facts import Facts
from fleet.diagnostics.finding import Finding

DEGRADED_SECONDS, UNHEALTHY_ERROR_RATE, ENOUGH_TASKS = 10.0, 0.05, 20


def runs_are_short(facts: Facts) -> Iterator[Finding]:
    if facts.work and facts.work.ended >= ENOUGH_TASKS and facts.work.mean_seconds > DEGRADED_SECONDS:
        yield Finding(
            "performance.duration",
            "warning",
            "tasks",
            f"{facts.work.ended} tasks of the last hour ran {facts.work.mean_seconds:.1f} s on average",
            "degraded: producers wait longer than 10 s",
            "look which pool is slow (`fleet pools`), and whether its model or target is",
        )


def tasks_succeed(facts: Facts) -> Iterator[Finding]:
    work = facts.work
    if work and work.ended >= ENOUGH_TASKS and work.failed / work.ended > UNHEALTHY_ERROR_RATE:
        yield Finding(
            "performance.errors",
            "unhealthy",
            "tasks",
            f"{work.failed} of {work.ended} tasks of the last hour failed ({work.failed / work.ended:.0%})",
            "more than 5 % of the work is lost or paid twice",
            "read why: `fleet tasks search --state failed`, `fleet tasks dead list`",
        )


def pools_serve(facts: Facts) -> Iterator[Finding]:
    for pool in facts.pools or ():
        if pool.paused:
            yield Finding(
                "performance.paused",
                "warning",
                pool.name,
                f"paused: {pool.paused}",
                "its tasks are held",
                f"when it is time: `fleet pools resume {pool.name}`",
            )
        elif pool.success_rate < 1 - UNHEALTHY_ERROR_RATE and pool.inflight + pool.held > 0:
            yield Finding(
                "performance.pool",
                "warning",
                pool.name,
                f"{pool.success_rate:.0%} of its last 100 attempts succeeded",
                "retries cost time and money",
                "read its log and `fleet tasks search --pool " + pool.name + " --state failed`",
            )


def workers_consume(facts: Facts) -> Iterator[Finding]:
    import time

    waiting = {pool.name: pool.queued for pool in facts.pools or ()}
    now = time.time() + (facts.broker.clock_skew_seconds if facts.broker else 0.0)
    for worker in facts.workers or ():
        idle = now - worker.claimed_at
        if worker.status == "failed" or worker.silent_seconds > facts.settings.leases.lease_seconds:
            yield Finding(
                "performance.silent",
                "warning",
                worker.worker_id,
                f"silent for {worker.silent_seconds:.0f} s",
                "its slots are gone, its tasks run elsewhere",
                "look at its host; it leaves the roster by itself",
            )
        elif worker.status == "idle" and idle > facts.settings.health.ghost_seconds and waiting.get(worker.pool, 0) > 0:
            yield Finding(
                "performance.ghost",
                "critical",
                worker.worker_id,
                f"heartbeats, but claimed nothing for {idle:.0f} s while messages wait in its queue",
                "a worker that is alive and does not consume holds slots that tasks are sent to",
                f"restart it; until then `fleet workers drain {worker.worker_id}`",
                "drain_ghosts",
            )


def somebody_can_take_what_waits(facts: Facts) -> Iterator[Finding]:
    for row in facts.stranded or ():
        if row.age_seconds < facts.settings.health.ghost_seconds:
            continue  # a rolling upgrade, or a pool that grows from zero
        if row.lane.removeprefix("@") in facts.catalogue.pools:
            continue  # connectivity.pool tells of it
        waits = f"{row.held} tasks wait, the oldest for {row.age_seconds:.0f} s"
        named = ", ".join(row.pools)
        if row.why == "contract":
            yield Finding(
                "performance.contract",
                "unhealthy",
                row.task_type,
                f"{waits}, and in no pool all workers understand contract {row.contract}; can run it: {named}",
                "they are held until such workers come; their deadlines pass",
                "start workers of the build that made them (`fleet workers` shows who understands what), or drain those that are behind",
            )
        else:
            yield Finding(
                "performance.unserved",
                "critical",
                row.task_type,
                f"{waits}, and " + (f"no worker is ready in {named}" if named else "no declared pool can run it"),
                "they are held until a worker comes; their deadlines pass",
                f"`fleet scale explain {row.pools[0]}`; `fleet worker {row.pools[0]}` starts one" if named else
                f"let an agent type with a pool run {row.task_type} (`runs` in the catalogue), or cancel them: `fleet tasks cancel`",
            )


def nothing_is_dead(facts: Facts) -> Iterator[Finding]:
    if facts.dead_letters:
        yield Finding(
            "performance.dead_letters",
            "warning",
            "dead letters",
            f"{facts.dead_letters} tasks were given up",
            "their producers have a failure",
            "`fleet tasks dead list`, then replay or discard them",
        )


CHECKS = (runs_are_short, tasks_succeed, pools_serve, workers_consume, somebody_can_take_what_waits, nothing_is_dead)
