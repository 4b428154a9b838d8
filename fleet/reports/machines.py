"""How full are the machines the fleet runs on?

In a cluster the metrics API says it of every node, where this account may ask; otherwise each worker's heartbeat says it of
its own machine; where there is no worker, this machine is what is left.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable

from fleet.errors import FleetError
from fleet.registry.roster import WorkerRecord
from fleet.reports.facts import Machine, Machines
from fleet.scaling import nodes


def look(workers: Iterable[WorkerRecord]) -> Machines:
    """Return what could be seen, and who said it."""
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        try:
            found = tuple(Machine(node.name, node.cpu, node.memory) for node in nodes.read())
            return Machines("nodes", "the metrics API", found)
        except FleetError:
            pass  # this account may not look at nodes: heartbeats say it of those that workers run on
    if told := of_workers(workers):
        return Machines("workers' machines", "heartbeats", told)
    return Machines("this machine", "itself", (_own(),))


def of_workers(workers: Iterable[WorkerRecord]) -> tuple[Machine, ...]:
    """Return each machine once, as the worker says that was heard last. Pure."""
    newest: dict[str, WorkerRecord] = {}
    for worker in workers:
        known = newest.get(worker.hostname)
        if worker.host_cpu is not None and (known is None or worker.silent_seconds < known.silent_seconds):
            newest[worker.hostname] = worker
    return tuple(Machine(name, one.host_cpu, one.host_memory) for name, one in sorted(newest.items()))


def _own() -> Machine:
    import psutil

    return Machine(socket.gethostname(), psutil.cpu_percent(interval=0.2) / 100, psutil.virtual_memory().percent / 100)
