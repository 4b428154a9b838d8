"""What did a step cost: time on the wall, CPU of this process, CPU of the server?

On a machine that others share, wall time says how busy they are; CPU time says what the step costs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from fleet.store.client import Client


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds."""

    wall: float
    client: float
    server: float

    @property
    def cpu(self) -> float:
        return self.client + self.server


def server_seconds(client: Client) -> float:
    """Return the CPU seconds of the server's main thread, where commands and scripts run."""
    cpu = client.info("cpu")
    return float(cpu["used_cpu_user_main_thread"]) + float(cpu["used_cpu_sys_main_thread"])


def spent(client: Client, run: Callable[[], object]) -> Spent:
    """Run and return what it took."""
    server, own, wall = server_seconds(client), time.process_time(), time.perf_counter()
    run()
    return Spent(time.perf_counter() - wall, time.process_time() - own, server_seconds(client) - server)
