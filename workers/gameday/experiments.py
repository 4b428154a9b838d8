"""Which faults are injected, and what should follow from each?"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from fleet.store.client import forget
from fleet.supervisor import valkey
from fleet.supervisor.child import Child
from fleet.supervisor.local_fleet import LocalFleet
from fleet.supervisor.local_scaler import running_by_replica

FROZEN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Experiment:
    """A fault and its hypothesis: recovery within so many seconds, nothing lost, nothing accepted twice."""

    name: str
    hypothesis: str
    inject: Callable[[LocalFleet], None]
    recover_within: float
    may_run_again: bool = True
    task_seconds: float = 1.0


def kill_worker(fleet: LocalFleet) -> None:
    """SIGKILL a whole worker: main process and children at once, as the out-of-memory killer or a lost node does."""
    _signal_tree(_victim(fleet), signal.SIGKILL)


def kill_child(fleet: LocalFleet) -> None:
    """SIGKILL one process of a worker's pool; the worker itself lives."""
    children = psutil.Process(_pid(_victim(fleet))).children()
    if children:
        children[0].kill()


def freeze_worker(fleet: LocalFleet) -> None:
    """SIGSTOP a worker for longer than its lease, then let it go on: it finishes late, and must not be believed."""
    victim = _victim(fleet)
    _signal_tree(victim, signal.SIGSTOP)
    end = time.monotonic() + FROZEN_SECONDS
    while time.monotonic() < end:
        time.sleep(0.2)
    _signal_tree(victim, signal.SIGCONT)


def kill_broker(fleet: LocalFleet) -> None:
    """SIGKILL the broker and start it again on the same data and port."""
    assert fleet.broker is not None
    port = fleet.broker.port
    fleet.broker.process.kill()
    fleet.broker.process.wait(timeout=10)
    forget()
    fleet.broker = valkey.start(fleet.state_dir, port)


def kill_beat(fleet: LocalFleet) -> None:
    """SIGKILL the scheduler; the supervisor starts it again, and no task notices."""
    _signal_tree(fleet.fixed["beat"], signal.SIGKILL)


def rolling_restart(fleet: LocalFleet) -> None:
    """Replace every worker under load, one by one, by SIGTERM: they finish what they run and hand back the rest."""
    for child in list(fleet.replicas["gameday"].values()):
        child.stop()
        assert child.process is not None
        child.process.wait(timeout=child.program.grace_seconds + 10)
        fresh = Child(child.program, fleet.log_dir)
        fresh.start()
        fleet.replicas["gameday"][child.program.name] = fresh


EXPERIMENTS = (
    Experiment("kill a worker", "its tasks run elsewhere within 10 s, nothing is lost", kill_worker, 10.0),
    Experiment("kill a pool process", "its task runs again within 2 s", kill_child, 2.0),
    Experiment("freeze a worker", "its tasks run elsewhere, its late results are fenced off", freeze_worker, 12.0),
    Experiment("kill the broker", "everybody consumes again within 10 s, nothing is lost", kill_broker, 15.0),
    Experiment("kill beat", "no task notices", kill_beat, 1.0, may_run_again=False),
    Experiment(
        "restart every worker", "nothing fails, is lost or runs twice", rolling_restart, 1.0, may_run_again=False
    ),
)


def _victim(fleet: LocalFleet) -> Child:
    """The busiest worker: a fault that hits nobody proves nothing."""
    running = running_by_replica()
    up = [child for child in fleet.replicas["gameday"].values() if child.is_up]
    return max(up, key=lambda child: running.get(child.program.name, 0))


def _pid(child: Child) -> int:
    assert child.process is not None
    return child.process.pid


def _signal_tree(child: Child, number: signal.Signals) -> None:
    process = psutil.Process(_pid(child))
    for member in (process, *process.children(recursive=True)):
        try:
            os.kill(member.pid, number)
        except ProcessLookupError:
            continue
