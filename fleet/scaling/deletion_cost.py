"""Which pod should Kubernetes take first when a pool shrinks?

The one with the least to lose: `controller.kubernetes.io/pod-deletion-cost` is set to the number of tasks a pod runs,
so a ReplicaSet removes idle pods first. Only changes are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ANNOTATION = "controller.kubernetes.io/pod-deletion-cost"
DRAINING = -1
"""A worker that takes no more tasks goes before an idle one."""


@dataclass(frozen=True, slots=True)
class PodCost:
    """A pod and what its loss would cost, in running tasks."""

    pod: str
    cost: int


@dataclass(frozen=True, slots=True)
class PodWork:
    """What a worker says about its pod."""

    pod: str
    running: int
    draining: bool = False


def changes(workers: Iterable[PodWork], annotated: Mapping[str, int | None]) -> list[PodCost]:
    """Return the costs to write: of pods that exist and carry another one. `annotated` is pod -> its present cost."""
    wanted: dict[str, int] = {}
    for worker in workers:
        cost = DRAINING if worker.draining and not worker.running else worker.running
        wanted[worker.pod] = wanted.get(worker.pod, 0) + cost
    return [
        PodCost(pod, cost) for pod, cost in sorted(wanted.items()) if pod in annotated and (annotated[pod] or 0) != cost
    ]


def removal_order(costs: Mapping[str, int]) -> list[str]:
    """Return pods as a ReplicaSet would take them, all else being equal: the least cost first."""
    return sorted(costs, key=lambda pod: (costs[pod], pod))
