"""Does everybody reach everybody?"""

from __future__ import annotations

import time
from collections.abc import Iterator

from fleet.diagnostics.facts import Facts
from fleet.diagnostics.finding import Finding

SLOW_PING_SECONDS, SKEW_SECONDS = 0.05, 1.0


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
            seen = "has never succeeded" if age is None else f"succeeded {age:.0f} s ago, it is due every {period:g} s"
            yield Finding(
                "connectivity.beat",
                "unhealthy",
                job,
                f"job {job} {seen}",
                "targets go stale, alerts stay silent, leaks are not mended",
                "start `fleet beat` and `fleet maintenance`; look at the maintenance worker's log",
            )


CHECKS = (store_answers, clocks_agree, pools_have_workers, jobs_run)
