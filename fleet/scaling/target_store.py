"""Where do targets wait to be obeyed, and what led to them?

One hash holds every pool's target with its inputs, limits and reason; one holds what the decider must remember; a
bounded stream per pool keeps the past. Ages are by the store's clock, so hosts whose clocks disagree cannot make a
target fresh.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import orjson

from fleet.scaling import metric, season
from fleet.scaling.pool import PoolState
from fleet.scaling.published import PublishedTarget
from fleet.scaling.targets import Target
from fleet.scaling.work import working
from fleet.store import keys
from fleet.store.client import Client, available

HISTORY_ENTRIES = 500_000
"""Over all pools; each keeps its share, at least an hour and at most a day of ticks."""
HISTORY_SECONDS = 8 * 86_400


class TargetStore:
    """One cell's targets. Also the `TargetSource` of scalers that obey them."""

    def __init__(self, client: Client, cell: str) -> None:
        self._client, self._cell = client, cell

    def now(self) -> float:
        """Return the store's clock."""
        with available():
            seconds, micro = self._client.time()
        return float(seconds) + float(micro) / 1e6

    def save(self, targets: Sequence[Target], counters: Mapping[str, Mapping[str, float]]) -> None:
        """Publish targets, remember states and the counters they were computed from, append to the past."""
        if not targets:
            return
        entries = max(240, min(5_760, HISTORY_ENTRIES // len(targets)))
        pipe = self._client.pipeline()
        for target in targets:
            memory = {"state": target.state, "counters": counters.get(target.pool, {})}
            pipe.hset(keys.targets(self._cell), target.pool, orjson.dumps(described(target)))
            pipe.hset(keys.scaling_states(self._cell), target.pool, orjson.dumps(memory))
            counted = f"fleet_scaling_decisions_total|{target.pool}|{_direction(target)}"
            pipe.hincrby(f"{keys.prefix(self._cell)}metrics", counted, 1)
            past = keys.target_history(self._cell, target.pool)
            pipe.xadd(past, {"entry": orjson.dumps(summarised(target))}, maxlen=entries, approximate=True)
            pipe.expire(past, HISTORY_SECONDS)
            load = target.inputs.get("load_long")
            if load is not None:
                ring = keys.season(self._cell, target.pool)
                offset = season.ended(target.computed_at) * season.CHARACTERS_PER_SLOT
                pipe.setrange(ring, offset, season.written(load))
                pipe.expire(ring, HISTORY_SECONDS)
        with available():
            pipe.execute()

    def remembered(self, pools: Collection[str]) -> tuple[dict[str, PoolState], dict[str, dict[str, float]]]:
        """Return the states and the counters of the previous tick."""
        states: dict[str, PoolState] = {}
        counters: dict[str, dict[str, float]] = {}
        if not pools:
            return states, counters
        with available():
            rows = self._client.hmget(keys.scaling_states(self._cell), list(pools))
        for row in rows:
            if row:
                loaded = orjson.loads(row)
                state = _state(loaded["state"])
                states[state.pool] = state
                counters[state.pool] = loaded["counters"]
        return states, counters

    def seasonal(self, pools: Sequence[str], now: float) -> dict[str, float | None]:
        """Return what load history expects for each pool one start-up time from now."""
        pipe = self._client.pipeline()
        for pool in pools:
            for slot in season.consulted(now):
                start = slot * season.CHARACTERS_PER_SLOT
                pipe.getrange(keys.season(self._cell, pool), start, start + season.CHARACTERS_PER_SLOT - 1)
        with available():
            slots = pipe.execute()
        return {pool: season.expected(slots[2 * i], slots[2 * i + 1]) for i, pool in enumerate(pools)}

    def forget(self, pools: Iterable[str]) -> None:
        """Drop pools that are no longer declared: nobody may obey them."""
        gone = list(pools)
        if gone:
            with available():
                pipe = self._client.pipeline()
                pipe.hdel(keys.targets(self._cell), *gone)
                pipe.hdel(keys.scaling_states(self._cell), *gone)
                pipe.execute()

    def described(self, pool: str) -> dict[str, Any] | None:
        """Return a target as it was recorded, with everything that led to it."""
        with available():
            found = self._client.hget(keys.targets(self._cell), pool)
        return orjson.loads(found) if found else None

    def all(self) -> dict[str, dict[str, Any]]:
        """Return every pool's recorded target."""
        with available():
            rows = self._client.hgetall(keys.targets(self._cell))
        return {_text(pool): orjson.loads(row) for pool, row in sorted(rows.items())}

    def history(self, pool: str, since: float = 0.0, limit: int | None = None) -> list[dict[str, Any]]:
        """Return the pool's past targets, oldest first; with a limit, the last ones."""
        key = keys.target_history(self._cell, pool)
        with available():
            rows: list[Any] = list(self._client.xrevrange(key, min=int(since * 1000), count=limit) or ())
        return [orjson.loads(fields["entry"]) for _, fields in reversed(rows)]

    def pools(self) -> Collection[str]:
        """Return the pools that have a target."""
        with available():
            return {_text(pool) for pool in self._client.hkeys(keys.targets(self._cell))}

    def targets(self, pools: Collection[str]) -> Mapping[str, PublishedTarget]:
        """Return the targets of those of the pools that have one, as their readers need them; one round trip."""
        names = list(pools)
        pipe = self._client.pipeline(transaction=False)
        pipe.time()
        pipe.hmget(keys.targets(self._cell), names)
        with available():
            (seconds, micro), rows = pipe.execute()
        now, found = float(seconds) + float(micro) / 1e6, {}
        for pool, row in zip(names, rows, strict=True):
            if row:
                kept = orjson.loads(row)
                found[pool] = PublishedTarget(pool, kept["replicas"], now - kept["computed_at"], kept["reason"])
        return found

    def past(self, pool: str) -> metric.Past:
        """Return the pool's last targets, which tell where an HPA that obeys them is."""
        entries = self.history(pool, self.now() - metric.WINDOW_SECONDS)
        return [(entry["at"], entry["replicas"]) for entry in entries]

    def working(self, pools: Collection[str]) -> Mapping[str, bool]:
        """Tell for each pool whether anything is held, queued or running for it now."""
        busy = working(self._client, self._cell)
        return {pool: pool in busy for pool in pools}


def described(target: Target) -> dict[str, Any]:
    """Return the target as it is stored and explained: all of it but the decider's memory."""
    return {
        "pool": target.pool,
        "replicas": target.replicas,
        "need": target.need,
        "reason": target.reason,
        "binding": target.binding,
        "considered": target.considered,
        "policy": target.policy,
        "inputs": target.inputs,
        "snapshot": target.snapshot,
        "computed_at": target.computed_at,
    }


def summarised(target: Target) -> dict[str, Any]:
    """Return what the past keeps of a target."""
    snap = target.snapshot
    return {
        "at": round(target.computed_at, 3),
        "replicas": target.replicas,
        "need": target.need,
        "ready": snap.ready,
        "running": snap.running,
        "waiting": snap.held + snap.released,
        "load": round(target.inputs.get("load", 0.0), 3),
        "wait": round(snap.wait_seconds, 3),
        "late": snap.late,
        "started": snap.started,
        "binding": target.binding,
        "reason": target.reason,
    }


def _state(row: Mapping[str, Any]) -> PoolState:
    """Read a state, whichever version of the decider wrote it."""
    known = {field.name: row[field.name] for field in fields(PoolState) if field.name in row}
    return PoolState(**known | {name: tuple(known.get(name, ())) for name in ("loads", "needs")})


def _direction(target: Target) -> str:
    if target.replicas == target.previous:
        return "same"
    return "up" if target.replicas > target.previous else "down"


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
