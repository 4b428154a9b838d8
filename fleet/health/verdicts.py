"""What is wrong with what was seen? Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Severity = Literal["info", "warning", "critical"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be, and what to do."""

    severity: Severity
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class WorkerSight:
    """What is seen of a worker."""

    worker_id: str
    pool: str
    status: str
    silent_seconds: float
    idle_seconds: float
    """Since it last claimed a task."""
    running: int
    deaf_seconds: float = 0.0
    """How long it has had slots to fill and heard nothing from the broker, by its own account."""


def judge_workers(
    workers: Iterable[WorkerSight], waiting: Mapping[str, int], lease_seconds: float, ghost_seconds: float
) -> list[Finding]:
    """Find silent workers, and ghosts: alive, but deaf, or claiming nothing for long while their pool's queue has work."""
    findings = []
    for worker in workers:
        if worker.status == "failed" or worker.silent_seconds > lease_seconds:
            text = f"worker {worker.worker_id} is silent for {worker.silent_seconds:.0f} s: its tasks run elsewhere; look at its host"
            findings.append(Finding("warning", worker.worker_id, text))
        elif worker.deaf_seconds > ghost_seconds:
            text = (
                f"worker {worker.worker_id} heartbeats but hears nothing from the broker for {worker.deaf_seconds:.0f} s: "
                "it ends itself to be started again; if it does not, kill it"
            )
            findings.append(Finding("critical", worker.worker_id, text))
        elif (
            worker.status != "maintenance"
            and worker.running == 0
            and worker.idle_seconds > ghost_seconds
            and waiting.get(worker.pool, 0) > 0
        ):
            text = (
                f"worker {worker.worker_id} heartbeats but claimed nothing for {worker.idle_seconds:.0f} s "
                f"while {waiting[worker.pool]} tasks wait for {worker.pool}: restart it"
            )
            findings.append(Finding("critical", worker.worker_id, text))
    return findings


def judge_pools(slots: Mapping[str, int], waiting: Mapping[str, int]) -> list[Finding]:
    """Find pools with work and nobody to do it."""
    return [
        Finding(
            "critical",
            pool,
            f"{count} tasks wait for {pool} and it has no worker: start one, or look why its replicas do not register",
        )
        for pool, count in sorted(waiting.items())
        if count > 0 and slots.get(pool, 0) <= 0
    ]


def judge_jobs(ages: Mapping[str, float], periods: Mapping[str, float]) -> list[Finding]:
    """Find beat jobs that have not succeeded for three periods."""
    return [
        Finding(
            "critical",
            job,
            f"job {job} succeeded {ages[job]:.0f} s ago, it is due every {period:.0f} s: is beat running, and the maintenance worker?",
        )
        for job, period in sorted(periods.items())
        if job in ages and ages[job] > 3 * period + 10
    ]
