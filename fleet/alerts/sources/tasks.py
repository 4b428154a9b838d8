"""How much work waits, where, and for how long?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, cast

from fleet.alerts.sources import Source
from fleet.store import keys
from fleet.store.client import Client, available
from fleet.store.lanes import BOUND_EARLY, task_type
from fleet.telemetry.metric import Sample, sample

LOOK_AT_MOST: Final = 100
DEAD_AT_MOST: Final = 1000
_OUT_UNTIL: Final = 4  # position in the text of `ejected`


def read(client: Client, cell: str, now: float) -> Iterable[Sample]:
    """Yield what is held, released and running, the ages of lanes, and how pools stand."""
    prefix = keys.prefix(cell)
    with available():
        pipe = client.pipeline(transaction=False)
        for name in ("inflight", "slots", "paused", "ejected"):
            pipe.hgetall(prefix + name)
        pipe.smembers(prefix + "lanes")
        pipe.zcard(prefix + "delayed")
        pipe.zrange(prefix + "released", 0, 9_999)
        pipe.zrevrange(prefix + "dead", 0, DEAD_AT_MOST - 1)
        pipe.zcard(prefix + "dead")
        in_flight, slots, paused, ejected, lanes, delayed, released, dead, dead_count = pipe.execute()
    held, oldest, booked = _lanes(client, prefix, sorted(lanes))
    released_by, dead_by = _labels(client, prefix, released, "pool"), _labels(client, prefix, dead, "type")
    dead_by["other"] += dead_count - len(dead)
    busy = {pool: max(0, int(count)) for pool, count in in_flight.items() if not pool.startswith("#")}
    running = max(0, sum(busy.values()) - len(released))
    for state, count in (
        ("held", sum(held.values())),
        ("scheduled", delayed),
        ("released", len(released)),
        ("running", running),
    ):
        yield sample("fleet_tasks", float(count), state=state)
    for lane, count in held.items():
        yield sample("fleet_held_tasks", float(count), task_type=lane)
        yield sample("fleet_queue_age_seconds", max(0.0, now - oldest.get(lane, now)), task_type=lane)
    for queue in paused:
        yield sample("fleet_queue_paused", 1.0, queue=queue)
    for kind, count in dead_by.items():
        if count:
            yield sample("fleet_dead_letters", float(count), task_type=kind)
    for pool in {**slots, **busy}:
        have, used = int(slots.get(pool, 0)), busy.get(pool, 0)
        yield sample("fleet_pool_slots", float(min(used, have) if have else used), pool=pool, use="busy")
        yield sample("fleet_pool_slots", float(max(0, have - used)), pool=pool, use="free")
        yield sample("ai_agent_queue_length", float(released_by[pool] + booked[pool]), pool=pool)
    for pool, text in ejected.items():
        yield sample("fleet_pool_ejected", float(float(text.split(" ")[_OUT_UNTIL]) > now), pool=pool)


def _lanes(client: Client, prefix: str, lanes: list[str]) -> tuple[Counter[str], dict[str, float], Counter[str]]:
    """Return per lane how many are held and since when the oldest, and held tasks booked to their cheapest pool."""
    if not lanes:
        return Counter(), {}, Counter()
    with available():
        pipe = client.pipeline(transaction=False)
        for lane in lanes:
            pipe.zcard(f"{prefix}held:{lane}")
            pipe.zrange(f"{prefix}held:{lane}", 0, LOOK_AT_MOST - 1)
            pipe.hgetall(f"{prefix}factors:{task_type(lane)}")
        rows = pipe.execute()
        counts, heads, factors = rows[0::3], rows[1::3], rows[2::3]
        for head in heads:
            for task_id in head:
                pipe.hget(f"{prefix}task:{task_id}", "held")
        since = iter(cast("list[str | None]", pipe.execute() if any(heads) else []))
    held, booked = Counter[str](), Counter[str]()
    oldest: dict[str, float] = {}
    for lane, count, head, row in zip(lanes, counts, heads, factors, strict=True):
        kind = task_type(lane)
        held[kind] += count
        times = [float(text) for text in (next(since) for _ in head) if text]
        if times:
            oldest[kind] = min(*times, oldest.get(kind, times[0]))
        if lane.startswith(BOUND_EARLY):
            booked[lane.removeprefix(BOUND_EARLY)] += count
        elif row:
            booked[_cheapest(row)] += count
    return held, oldest, booked


def _cheapest(factors: Mapping[str, str]) -> str:
    return min(factors, key=lambda pool: float(factors[pool]))


def _labels(client: Client, prefix: str, ids: Iterable[str], field: str) -> Counter[str]:
    """Count tasks by a field of their record."""
    with available():
        pipe = client.pipeline(transaction=False)
        for task_id in ids:
            pipe.hget(f"{prefix}task:{task_id}", field)
        values: Iterable[str | None] = pipe.execute() if len(pipe) else ()
    return Counter(value or "other" for value in values)


SOURCE = Source(
    "tasks",
    (
        "fleet_tasks",
        "fleet_held_tasks",
        "fleet_queue_age_seconds",
        "fleet_queue_paused",
        "fleet_dead_letters",
        "fleet_pool_slots",
        "ai_agent_queue_length",
        "fleet_pool_ejected",
    ),
    read,
)
