"""How is a rollout started, looked at, judged and ended?

gather -> decide -> apply over the hash `rollouts`, which the submit script reads live. Every change is made against the
state that was read; starting over or ending twice is a conflict with a reason.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from fleet import catalogue
from fleet.catalogue.declaration import Pool
from fleet.dispatcher.publish import publish_rest
from fleet.dispatcher.rollout import Decision, Record, Rollout, Rules, State, judge, next_share
from fleet.errors import ConfigurationError, Conflict, NotFound, UnknownName
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import available, connect
from fleet.store.scripts import script
from fleet.telemetry import logs

Row = dict[str, Any]


def start(pool: str, version: str, share: float = 10.0, steps: Sequence[float] = (), step_seconds: float = 60.0) -> Rollout:
    """Put a version beside its pool and give it a share of the new tasks."""
    declared = catalogue.current()
    if pool not in declared.pools or "@" in pool:
        raise UnknownName("pool", pool, [name for name in declared.pools if "@" not in name])
    row = declared.pool(f"{pool}@{version}")
    if row is None or not re.fullmatch(r"[a-z0-9._-]{1,32}", version):
        raise ConfigurationError(f"version is {version!r}: use 1 to 32 of a-z 0-9 . _ -")
    wanted = tuple(sorted({share, *steps}))
    if not all(0 < step <= 100 for step in wanted) or wanted[0] != share:
        raise ConfigurationError(f"share {share:g} and steps {list(steps)}: use percents from above 0 to 100, none below the share")
    now = _now()
    begun = Rollout(pool, version, declared.agent_types[row.agent_type].runs, wanted, share, "running", "started", now, now, step_seconds)

    def change(before: Rollout | None) -> Rollout:
        if before is not None and before.is_live:
            raise Conflict(f"{before.version_pool} is {before.state} at {before.share:g} %: promote or abort it first")
        return begun

    client, prefix = connect(), _prefix()
    with available():
        client.delete(f"{prefix}stats:{row.name}")
        client.hdel(f"{prefix}ejected", row.name)
        client.hset(f"{prefix}stats:{row.name}", "prior", row.speed)
        client.hset(f"{prefix}queues", row.name, row.queue)
        client.hset(f"{prefix}prices", row.name, row.price_per_slot_hour_usd)
    return _change(pool, change)


def every() -> list[Rollout]:
    """Return the newest rollout of each pool."""
    with available():
        rows: Any = connect().hgetall(f"{_prefix()}rollouts")
    return [_read(text) for _, text in sorted(rows.items())]


def live() -> list[Rollout]:
    return [rollout for rollout in every() if rollout.is_live]


def live_pools() -> list[Pool]:
    """Return the pools of versions that get tasks now."""
    declared = catalogue.current()
    return [pool for rollout in live() if (pool := declared.pool(rollout.version_pool))]


def waiting(pool: str) -> int:
    """Return how many tasks a version has been given and not yet ended."""
    with available():
        pipe: Any = connect().pipeline(transaction=False)
        pipe.zcard(f"{_prefix()}held:@{pool}")
        pipe.hget(f"{_prefix()}inflight", pool)
        held, inflight = pipe.execute()
    return int(held) + int(inflight or 0)


def records(rollout: Rollout) -> tuple[Record, Record]:
    """Return what the new and the old version did lately."""
    return _record(rollout.version_pool), _record(rollout.pool)


def promote(pool: str) -> Rollout:
    """Give the version everything, by an operator's word."""
    return _end(pool, "promoted", 100.0, "promoted by an operator")


def abort(pool: str) -> Rollout:
    """Take everything back from the version; what it runs it finishes."""
    ended = _end(pool, "aborted", 0.0, "aborted by an operator")
    unbind_strays()
    return ended


def judge_all(rules: Rules | None = None) -> list[tuple[Rollout, Decision]]:
    """Decide about every running rollout, and do it."""
    judged = []
    for rollout in (row for row in live() if row.state == "running"):
        decision = judge(rollout, *records(rollout), _now() - rollout.step_at, rules or Rules())
        judged.append((_apply(rollout, decision), decision))
    return judged


def unbind_strays() -> int:
    """Give tasks that wait for a version nobody rolls out any more to any pool; clean up versions that are empty."""
    client: Any = connect()
    prefix, moved = _prefix(), 0
    serving = {rollout.version_pool for rollout in live()}
    with available():
        known = {name for name in client.hkeys(f"{prefix}queues") if "@" in name} | {
            lane[1:] for lane in client.smembers(f"{prefix}lanes") if "@" in lane[1:]
        }
    for pool in known - serving:
        count, outgoing = script("dispatcher/unbind.lua")(client, [prefix], [pool])
        publish_rest(outgoing)
        moved += count
        if not waiting(pool):
            _forget(pool)
    return moved


def _forget(pool: str) -> None:
    """Leave nothing of a version that has no task any more; its record stays for `status` until the next rollout."""
    client, prefix = connect(), _prefix()
    declared = catalogue.current()
    with available():
        for name in ("prices", "ejected", "service", "inflight"):
            client.hdel(prefix + name, pool)
        if pool not in declared.pools:
            client.hdel(f"{prefix}queues", pool)


def _apply(rollout: Rollout, decision: Decision) -> Rollout:
    changes: Row = {"reason": decision.reason}
    match decision.action:
        case "next":
            changes |= {"share": next_share(rollout), "step_at": _now()}
        case "promote":
            changes |= {"share": 100.0, "state": "promoted"}
        case "roll_back":
            changes |= {"share": 0.0, "state": "rolled_back"}
        case "hold":
            pass

    def change(before: Rollout | None) -> Rollout:
        # Somebody decided otherwise in between: that stands.
        return dataclasses.replace(rollout, **changes) if before == rollout else before or rollout

    after = _change(rollout.pool, change)
    if decision.action == "next":
        with available():
            # Each step is judged by what happened on it.
            connect().hdel(f"{_prefix()}stats:{rollout.version_pool}", "outcomes")
    if decision.action != "hold":
        logs.get("dispatcher").info("rollout", pool=rollout.version_pool, action=decision.action, reason=decision.reason)
    return after


def _end(pool: str, state: State, share: float, reason: str) -> Rollout:
    def change(before: Rollout | None) -> Rollout:
        if before is None:
            raise NotFound(f"no version of {pool!r} was ever rolled out: see `fleet rollout status`")
        if not before.is_live:
            raise Conflict(f"{before.version_pool} is {before.state} already: {before.reason}")
        return dataclasses.replace(before, state=state, share=share, reason=reason)

    return _change(pool, change)


def _change(pool: str, change: Callable[[Rollout | None], Rollout]) -> Rollout:
    """Write what `change` makes of the state, atomically."""
    key = f"{_prefix()}rollouts"

    def transact(pipe: Any) -> Rollout:
        text = pipe.hget(key, pool)
        after = change(_read(text) if text else None)
        pipe.multi()
        pipe.hset(key, pool, orjson.dumps(dataclasses.asdict(after)))
        return after

    with available():
        client: Any = connect()
        written: Rollout = client.transaction(transact, key, value_from_callable=True)
    return written


def _record(pool: str) -> Record:
    client, prefix = connect(), _prefix()
    with available():
        pipe: Any = client.pipeline(transaction=False)
        pipe.hmget(f"{prefix}stats:{pool}", "outcomes", "service", "service_n")
        pipe.hget(f"{prefix}prices", pool)
        pipe.hget(f"{prefix}ejected", pool)
        (outcomes, service, count), price, ejected = pipe.execute()
    tried, succeeded = len(outcomes or ""), (outcomes or "").count("1")
    seconds = float(service) if service and float(count or 0) >= 5 else None
    hourly = float(price or 0)
    # Slots are paid for failures, too.
    cost = seconds / 3600 * hourly * tried / succeeded if seconds and hourly and succeeded else None
    return Record(tried, succeeded, seconds, cost, bool(ejected) and float(ejected.split()[4]) > 0)


def _read(text: str | bytes) -> Rollout:
    row = orjson.loads(text)
    return Rollout(**{**row, "task_types": tuple(row["task_types"]), "steps": tuple(row["steps"])})


def _now() -> float:
    with available():
        seconds, micros = connect().time()
    return float(seconds) + float(micros) / 1e6


def _prefix() -> str:
    return keys.prefix(current().cell)
