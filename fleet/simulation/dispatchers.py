"""How does late binding, or its clairvoyant reference, take part in a simulation?"""

from __future__ import annotations

import numpy as np

from fleet.simulation.engine import Releases
from fleet.simulation.fleets import Floats
from fleet.simulation.lua import Dialect, load_into, runtime, table
from fleet.simulation.workload import Workload

HOLD = 2.0
NOISE = 0.1


class LateBinding:
    """Central hold and match by the production deciders; nothing about pools or sizes is known beforehand.

    `hint` declares something about each task's size (0: nothing); what it is worth is learned. With `known`, the hint
    is the size, and true speeds and chances of success replace the learned ones.
    """

    def __init__(self, workload: Workload, hint: Floats | None = None, *, hold: float = HOLD, noise: float = NOISE,
                 kappa: float = 0.0, ejects: bool = True, known: bool = False,
                 dialect: Dialect = "luajit21") -> None:  # fmt: skip
        fleet = workload.fleet
        names = ("configure", "arrive", "finish", "release", "resize")
        functions = load_into(interpreter := runtime(dialect), "simulation/late_binding.lua", *names)
        configure, self._arrive, self._finish, self._release, self._resize = functions
        true_factor = (fleet.seconds / fleet.success).tolist()
        able = [np.flatnonzero(~np.isnan(row)).tolist() for row in fleet.seconds]
        setup: dict[str, object] = {
            "pools": [{"slots": pool.slots, "price": pool.price_per_slot_hour} for pool in fleet.pools],
            "types": [{"size": 10.0, "capable": {pool + 1: True for pool in pools}} for pools in able],
            "weights": [1.0] * len(workload.tenants),
            "hold": hold,
            "noise": noise,
            "kappa": kappa,
            "ejects": ejects,
        }
        if known:
            setup["known"] = [{pool + 1: true_factor[kind][pool] for pool in able[kind]} for kind in range(len(able))]
        configure(table(interpreter, setup))
        self._kind = (workload.kind + 1).tolist()
        self._tenant = (workload.tenant + 1).tolist()
        self._priority = [0] * len(workload) if workload.priority is None else workload.priority.tolist()
        self._hint = [0.0] * len(workload) if hint is None else hint.tolist()

    def arrive(self, now: float, task: int) -> Releases:
        """Hold the task and match."""
        kind, tenant, priority, hint = self._kind[task], self._tenant[task], self._priority[task], self._hint[task]
        return _zero_based(self._arrive(now, task, kind, tenant, priority, hint))

    def finish(self, now: float, task: int, pool: int, seconds: float, ok: bool, again: bool) -> Releases:
        """Learn, free the slot, hold the task again if it failed, and match."""
        del pool
        return _zero_based(self._finish(now, task, seconds, ok, again))

    def resize(self, now: float, pool: int, slots: int) -> Releases:
        """Take note that a pool has so many slots now, and match."""
        return _zero_based(self._resize(now, pool + 1, slots))

    def tick(self, now: float) -> Releases:
        """Match again: a pool's ejection may have ended."""
        return _zero_based(self._release(now))


def clairvoyant(workload: Workload, *, hold: float = HOLD) -> LateBinding:
    """Return the reference: the same central queue knowing every true size, speed and chance of success."""
    return LateBinding(workload, workload.size, hold=hold, noise=0.0, ejects=False, known=True)


def _zero_based(released: tuple[int, ...] | None) -> Releases:
    if released is None:
        return ()
    flat = list(released)
    flat[1::2] = [pool - 1 for pool in flat[1::2]]
    return flat
