"""How do pods learn what their loss would cost?

The roster says what each worker runs, and a worker's host name is its pod's name; only pods whose cost changed are
written.
"""

from __future__ import annotations

from typing import Protocol

from fleet.registry import roster
from fleet.scaling.deletion_cost import PodCost, PodWork, changes


class Pods(Protocol):
    """Where deletion costs stand: the cluster."""

    def deletion_costs(self) -> dict[str, int | None]: ...

    def set_deletion_costs(self, costs: list[PodCost], /) -> list[str]: ...


def refresh(cluster: Pods) -> list[PodCost]:
    """Bring every worker pod's deletion cost up to date; return what was written."""
    workers = [PodWork(worker.hostname, worker.running, worker.status == "maintenance") for worker in roster.workers()]
    written = changes(workers, cluster.deletion_costs())
    gone = set(cluster.set_deletion_costs(written))
    return [cost for cost in written if cost.pod not in gone]
