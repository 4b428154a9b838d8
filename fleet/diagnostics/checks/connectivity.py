"""Does everybody reach everybody?"""

from __future__ import annotations

import time
from collections.abc import Iterator

from fleet.diagnostics.facts import Facts
from fleet.diagnostics.finding import Finding

SLOW_PING_SECONDS, SKEW_SECONDS = 0.05, 1.0
LATE_JOBS = "targets go stale, alerts stay silent, leaks are not mended"


def store_answers(facts: Facts) -> Iterator[Finding]:
    if facts.broker is None:
        yield Finding(
            "connectivity.store",
            "critical",
            "store",
            "the store does not answer",
            "nothing can be submitted, claimed or finished",
            "start it (`fleet up`), or point FLEET_BROKER__URL at it; look at its log and its host's memory and disk",
        )
    elif facts.broker.ping_seconds > SLOW_PING_SECONDS:
        yield Finding(
            "connectivity.latency",
            "warning",
            "store",
            f"a ping takes {facts.broker.ping_seconds * 1000:.0f} ms",
            "every submit and every claim costs a round trip",
            "move the store nearer, or find what keeps it busy: `redis-cli --latency`, SLOWLOG GET",
        )


def clocks_agree(facts: Facts) -> Iterator[Finding]:
    if facts.broker and abs(facts.broker.clock_skew_seconds) > SKEW_SECONDS:
        yield Finding(
            "connectivity.clock",
            "warning",
            "clock",
            f"this host's clock is {facts.broker.clock_skew_seconds:+.1f} s off the store's",
            "tokens, certificates and logs disagree; task order does not, it uses the store's clock",
            "run an NTP client on every host",
        )


def pools_have_workers(facts: Facts) -> Iterator[Finding]:
    for pool in facts.pools or ():
        waiting = pool.held + pool.queued
        minimum = facts.catalogue.pools[pool.name].min_replicas
        if pool.slots <= 0 and (waiting or minimum):
            yield Finding(
                "connectivity.pool",
                "critical" if waiting else "unhealthy",
                pool.name,
                f"no worker is registered, {waiting} tasks wait",
                "its tasks are held until one comes",
                f"start one: `fleet worker {pool.name}`; on Kubernetes look at its Deployment's pods",
            )


def jobs_run(facts: Facts) -> Iterator[Finding]:
    late = dict(_late_jobs(facts))
    if late and facts.beats == ():
        yield Finding(
            "connectivity.beat",
            "unhealthy",
            "beat",
            f"no beat looks at the schedule; late: {', '.join(late)}",
            LATE_JOBS,
            "start one: `fleet beat`; two on different hosts take turns by themselves",
        )
        return
    for job, seen in late.items():
        yield Finding(
            "connectivity.beat",
            "unhealthy",
            job,
            f"job {job} {seen}",
            LATE_JOBS,
            "start `fleet beat` and `fleet maintenance`; look at the maintenance worker's log",
        )


def _late_jobs(facts: Facts) -> Iterator[tuple[str, str]]:
    settings = facts.settings
    periods = {
        "health": settings.health.interval_seconds,
        "scaling": settings.scaling.interval_seconds,
        "alerts": settings.alerts.interval_seconds,
    }
    if facts.job_ages is None or not facts.workers:
        return
    up_seconds = max(time.time() - worker.registered_at for worker in facts.workers)
    for job, period in periods.items():
        age = facts.job_ages.get(job)
        allowed = 3 * period + 30
        # A fleet that has just come up owes nobody a job yet.
        if up_seconds > allowed and (age is None or age > allowed):
            yield job, "has never succeeded" if age is None else f"succeeded {age:.0f} s ago, it is due every {period:g} s"


def beats_stand_in(facts: Facts) -> Iterator[Finding]:
    hosts = {worker.hostname for worker in facts.workers or ()}
    if facts.beats is not None and len(facts.beats) == 1 and len(hosts) > 1:
        yield Finding(
            "connectivity.single_beat",
            "info",
            facts.beats[0],
            f"one beat for workers on {len(hosts)} hosts",
            "while it is away or started again, targets, alerts and repairs wait",
            "run a second one on another host (`fleet beat`): every job is still sent once",
        )


CHECKS = (store_answers, clocks_agree, pools_have_workers, jobs_run, beats_stand_in)
