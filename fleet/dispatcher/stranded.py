"""Which held tasks can nobody take, as the fleet stands?

gather (three round trips, whatever is held) -> decide (`why`, pure). The same rule as parts/contracts.lua: a pool serves a
lane while it has ready slots, and understands it when all of them do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fleet.store import keys
from fleet.store.client import Client, available
from fleet.store.lanes import BOUND_EARLY, task_type

LOOK_AT_MOST = 20
"""Heads of a lane whose ages are read."""
Why = Literal["contract", "pool"]


@dataclass(frozen=True, slots=True)
class Stranded:
    """Held tasks of one lane that wait for somebody who is not there."""

    lane: str
    task_type: str
    """Of a lane that is bound to one pool: `@pool`."""
    contract: str
    why: Why
    """contract: pools have workers, but of none all understand the contract; pool: no pool that can run it has a worker."""
    held: int
    age_seconds: float
    pools: tuple[str, ...]
    """Who could run it, were its workers others, or there; empty when no declared pool can."""


def read(client: Client, cell: str, now: float) -> list[Stranded]:
    """Return the lanes that nobody can take anything from, by name."""
    prefix = keys.prefix(cell)
    with available():
        pipe: Any = client.pipeline(transaction=False)
        for name in ("slots", "contracts"):
            pipe.hgetall(prefix + name)
        pipe.smembers(prefix + "lanes")
        slots, contracts, names = pipe.execute()
        lanes = sorted(names)
        if not lanes:
            return []
        for lane in lanes:
            pipe.zcard(f"{prefix}held:{lane}")
            pipe.zrange(f"{prefix}held:{lane}", 0, LOOK_AT_MOST - 1)
            pipe.hkeys(f"{prefix}factors:{task_type(lane)}")
        rows = pipe.execute()
    found = []
    for lane, held, heads, able in zip(lanes, rows[0::3], rows[1::3], rows[2::3], strict=True):
        pools = [lane.removeprefix(BOUND_EARLY)] if lane.startswith(BOUND_EARLY) else sorted(able)
        reason = why(lane, pools, slots, contracts) if held else None
        if reason:
            contract = "" if lane.startswith(BOUND_EARLY) else lane.partition("#")[2] or "1"
            age = _age(client, prefix, heads, now)
            found.append(Stranded(lane, task_type(lane), contract, reason, held, age, tuple(pools)))
    return found


def why(lane: str, pools: list[str], slots: Mapping[str, str], contracts: Mapping[str, str]) -> Why | None:
    """Return why none of the pools takes the lane's tasks, None when one does. Pure.

    `slots` (pool -> ready slots) and `contracts` ("pool type#contract" -> slots that understand it) as the store has them.
    """
    serving = {name: int(slots.get(name, 0)) for name in pools if int(slots.get(name, 0)) > 0}
    if not serving:
        return "pool"
    if lane.startswith(BOUND_EARLY):
        return None
    kind, _, contract = lane.partition("#")
    for name, count in serving.items():
        silent = int(contracts.get(f"{name} *", 0)) if not contract else 0
        if int(contracts.get(f"{name} {kind}#{contract or 1}", 0)) + silent >= count:
            return None
    return "contract"


def _age(client: Client, prefix: str, heads: list[str], now: float) -> float:
    with available():
        pipe: Any = client.pipeline(transaction=False)
        for task_id in heads:
            pipe.hget(f"{prefix}task:{task_id}", "held")
        since = [float(text) for text in pipe.execute() if text]
    return max(0.0, now - min(since)) if since else 0.0
