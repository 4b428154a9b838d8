"""Who decides in a simulation: late binding, its clairvoyant reference, or a strategy over snapshots?"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fleet.dispatcher.scoring import PoolView, TaskView, outcomes_after, response_after, success_rate
from fleet.dispatcher.strategies import State, Strategy
from fleet.simulation.engine import Releases
from fleet.simulation.fleets import Floats
from fleet.simulation.lua import load_into, runtime, table
from fleet.simulation.workload import Workload

HOLD = 2.0
NOISE = 0.1


class LateBinding:
    """Central hold and match by the production deciders; nothing about pools or sizes is known beforehand.

    `hint` declares something about each task's size (0: nothing); the prediction from it is learned.
    """

    def __init__(self, workload: Workload, hint: Floats | None = None, *, hold: float = HOLD, noise: float = NOISE,
                 kappa: float = 0.0, ejects: bool = True, known: bool = False) -> None:  # fmt: skip
        fleet = workload.fleet
        lua = runtime("luajit21")
        names = ("configure", "arrive", "finish", "release")
        configure, self._arrive, self._finish, self._release = load_into(lua, "simulation/late_binding.lua", *names)
        capable = ~np.isnan(fleet.seconds)
        setup = {
            "pools": [{"slots": pool.slots, "price": pool.price_per_slot_hour} for pool in fleet.pools],
            "types": [
                {"size": 10.0, "capable": {p + 1: True for p in np.flatnonzero(row).tolist()}} for row in capable
            ],
            "weights": [1.0] * len(workload.tenants),
            "hold": hold, "noise": noise, "kappa": kappa, "ejects": ejects,
        }  # fmt: skip
        if known:
            factor = fleet.seconds / fleet.success
            setup["known"] = [{p + 1: row[p] for p in np.flatnonzero(~np.isnan(row)).tolist()} for row in factor.tolist()]
        configure(table(lua, setup))
        self._kind = (workload.kind + 1).tolist()
        self._tenant = (workload.tenant + 1).tolist()
        self._priority = [0] * len(workload) if workload.priority is None else workload.priority.tolist()
        self._hint = [0.0] * len(workload) if hint is None else hint.tolist()

    def arrive(self, now: float, task: int) -> Releases:
        """Hold the task and match."""
        return _zero_based(
            self._arrive(now, task, self._kind[task], self._tenant[task], self._priority[task], self._hint[task])
        )

    def finish(self, now: float, task: int, pool: int, seconds: float, ok: bool, again: bool) -> Releases:
        """Learn, free the slot, hold the task again if it failed, and match."""
        del pool
        return _zero_based(self._finish(now, task, seconds, ok, again))

    def tick(self, now: float) -> Releases:
        """Match again: a pool's ejection may have ended."""
        return _zero_based(self._release(now))


def _zero_based(released: tuple[int, ...] | None) -> Releases:
    if released is None:
        return ()
    flat = list(released)
    flat[1::2] = [pool - 1 for pool in flat[1::2]]
    return flat


def clairvoyant(workload: Workload, *, hold: float = HOLD) -> LateBinding:
    """Return the reference: the same central queue knowing every true size, speed and chance of success."""
    return LateBinding(workload, workload.size, hold=hold, noise=0.0, ejects=False, known=True)
