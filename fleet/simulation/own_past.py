"""What did this fleet itself go through, task by task and pool by pool?

gather (ended tasks, pools as strategies see them) -> a workload whose speeds and chances of success are the learned
ones. Tasks that never ran say nothing about sizes and are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fleet.clock import SystemClock
from fleet.dispatcher import pools, tasks
from fleet.dispatcher.scoring import PoolView
from fleet.dispatcher.tasks import Ended
from fleet.errors import ConfigurationError
from fleet.simulation.fleets import SimulatedFleet, SimulatedPool, SimulatedType
from fleet.simulation.workload import Workload, assemble

DAY = 86_400.0
MOST_TASKS = 100_000


def read(days: float, seed: int = 0) -> Workload:
    """Return the tasks that ended in the last `days`."""
    ended = tasks.search(since=SystemClock().now() - days * DAY, limit=MOST_TASKS)
    return workload(ended, {name: pools.views(name) for name in {task.task_type for task in ended}}, seed)


def workload(ended: Sequence[Ended], views: Mapping[str, tuple[PoolView, ...]], seed: int = 0) -> Workload:
    """Return ended tasks as a workload for the pools there are now."""
    ran = [task for task in ended if task.started_at and task.ended_at > task.started_at and task.pool]
    types = sorted({task.task_type for task in ran if any(view.is_capable for view in views[task.task_type])})
    ran = sorted((task for task in ran if task.task_type in types), key=lambda task: task.submitted_at)
    if len(ran) < 2:
        raise ConfigurationError(f"history holds {len(ran)} tasks that ran: ask for more days, or use --trace")
    fleet = _fleet(types, views)
    speeds = {(name, view.name): view.speed for name in types for view in views[name]}
    size = [_seconds(task) / speeds.get((task.task_type, task.pool), 1.0) for task in ran]
    tenants = sorted({task.tenant for task in ran})
    arrival = np.array([task.submitted_at for task in ran])
    return assemble(
        "history",
        fleet,
        arrival - arrival[0],
        np.random.default_rng(seed),
        kind=np.array([types.index(task.task_type) for task in ran]),
        size=np.maximum(size, 0.001),
        tenant=np.array([tenants.index(task.tenant) for task in ran]),
        tenants=tuple(tenants),
        source=f"this fleet's history ({len(ended) - len(ran)} tasks that never ran left out)",
    )


def _seconds(task: Ended) -> float:
    return task.ended_at - (task.started_at or task.ended_at)


def _fleet(types: Sequence[str], views: Mapping[str, tuple[PoolView, ...]]) -> SimulatedFleet:
    """Return the pools as they stand; one that has no worker now counts as one slot."""
    rows = [views[name] for name in types]
    return SimulatedFleet(
        pools=tuple(SimulatedPool(view.name, max(view.slots, 1), weight=view.weight) for view in rows[0]),
        types=tuple(SimulatedType(name, 1.0, 10.0, 1.0) for name in types),
        seconds=np.array([[view.speed if view.is_capable else np.nan for view in row] for row in rows]),
        success=np.array([[view.success for view in row] for row in rows]),
    )
