"""How many messages may a busy worker keep to itself?"""

from __future__ import annotations

from typing import Any

from fleet.store.client import broker_url, speaks_redis

UNBOUNDED = -1


def hoards(worker: Any) -> int:
    """Return how many messages the worker may hold beyond those that run, as it was really started; -1: any number."""
    conf, slots = worker.app.conf, int(worker.concurrency or 1)
    return hoarded(
        slots, int(getattr(worker, "prefetch_multiplier", None) or 0), is_late=bool(conf.task_acks_late),
        is_gated=bool(conf.worker_disable_prefetch) and speaks_redis(broker_url()),
    )  # fmt: skip


def hoarded(slots: int, multiplier: int, *, is_late: bool, is_gated: bool) -> int:
    """Apply Celery's rule: the window is multiplier x slots (0: none), and what is acknowledged late counts against it. Pure.

    `is_gated`: `worker_disable_prefetch`, which only Redis knows: a message is fetched when a slot is free.
    """
    if is_gated:
        return 0
    if multiplier <= 0:
        return UNBOUNDED
    return slots * (multiplier - 1 if is_late else multiplier)
