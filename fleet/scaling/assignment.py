"""How is waiting work split when the pools that would be chosen first cannot grow that far?

A linear program: least total cost, every type's work done, every pool within what it may grow to. What is more than all pools
together can take is put where it takes the fewest seconds. Booking pool after pool, each type to its next choice, costs
1 to 4 % more on average at 60 to 90 % of what the fleet could carry, and up to a half more at worst.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fleet.scaling.linear_program import Floats, Limits, cheapest_mix

BEYOND = 1e3
"""How many times the dearest work costs what no pool has room for: as much as it takes to be the last resort."""


def cheapest(
    loads: Floats, demand: Sequence[int], pool: Sequence[int], costs: Floats, seconds: Floats, room: Floats
) -> Floats:
    """Return how much of its demand each pair takes; nothing, should the solver give up.

    `loads` is work per demand and `room` slot-seconds per pool; the other columns describe the pairs of a demand and a pool
    that can do it: which demand, which pool, cost and slot-seconds of one unit of the work there.
    """
    pairs, demands, pools = len(costs), len(loads), len(room)
    columns, beyond = np.arange(pairs), pairs + np.arange(pools)
    # First a row per demand, all of which must be done; then one per pool, whose seconds less what is beyond must fit.
    limits = Limits(
        row=np.concatenate([demand, demands + np.asarray(pool), demands + np.arange(pools)]).astype(np.int32),
        column=np.concatenate([columns, columns, beyond]).astype(np.int32),
        value=np.concatenate([np.ones(pairs), seconds, -np.ones(pools)]),
        least=np.concatenate([loads, np.full(pools, -np.inf)]),
        most=np.concatenate([loads, room]),
    )
    dearest = float((costs / np.maximum(seconds, 1e-9)).max()) if pairs else 1.0
    price = np.concatenate([costs, np.full(pools, BEYOND * max(dearest, 1e-9))])
    found = cheapest_mix(price, limits, np.full(pairs + pools, np.inf))
    return np.zeros(pairs) if found is None else np.maximum(found[:pairs], 0.0)
