"""What did this fleet itself go through?

The stream of ended tasks, turned into a workload: when each was submitted and how long it ran. Tasks that never ran
tell nothing about service times and are left out; how many is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from fleet.errors import ConfigurationError
from fleet.scaling import ended
from fleet.simulation.scaling.workload import DAY, DEFAULT_TIMES, Workload, from_arrivals
from fleet.store.client import Client, available


def read(client: Client, cell: str, days: float, pool: str | None = None) -> Workload:
    """Return the tasks submitted in the last `days` and ended since; with a pool, only those it ran."""
    with available():
        seconds, _ = client.time()
    since = float(seconds) - days * DAY
    return workload(ended.since(client, cell, since), since, pool)


def workload(rows: Iterable[Mapping[str, str]], since: float, pool: str | None = None) -> Workload:
    """Return the workload in rows of ended tasks."""
    arrivals, services, silent = [], [], 0
    for row in rows:
        if pool is not None and row.get("pool") != pool:
            continue
        if not row.get("submitted") or float(row["submitted"]) < since:
            continue
        if not row.get("started") or float(row["ended"]) <= float(row["started"]):
            silent += 1
            continue
        arrivals.append(float(row["submitted"]))
        services.append(float(row["ended"]) - float(row["started"]))
    if not arrivals:
        of = f" of pool {pool!r}" if pool else ""
        raise ConfigurationError(f"history holds no task{of} that ran in this time: ask for more days, or use --trace")
    start = min(arrivals)
    origin = f"this fleet's history ({silent} tasks that never ran left out)"
    rng = np.random.default_rng(0)
    return from_arrivals("history", np.asarray(arrivals) - start, rng, origin, DEFAULT_TIMES, np.asarray(services))
