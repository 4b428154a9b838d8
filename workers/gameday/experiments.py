"""Which faults are injected, and what should follow from each?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from workers.gameday import clocks, faults, schedulers
from workers.gameday.score import Promise
from workers.gameday.stage import Stage


@dataclass(frozen=True, slots=True)
class Experiment:
    """A fault, what is promised, and under which load."""

    name: str
    hypothesis: str
    fault: Callable[[Stage], Iterator[None]]
    promise: Promise
    task_seconds: float = 1.0
    is_drain: bool = False
    """Whether its load is as large as asked for, of short tasks."""
    compares: bool = True
    """Whether plain Celery can be asked the same."""


UNNOTICED = Promise(may_run_again=False, must_hit=False)

EXPERIMENTS = (
    Experiment("kill a worker", "its tasks run elsewhere within 10 s", faults.kill_worker, Promise(10.0)),
    Experiment("kill a pool process", "its task runs again within a second", faults.kill_child, Promise(1.0)),
    Experiment("freeze a worker", "its tasks run elsewhere, its late results are not believed", faults.freeze_worker, Promise(10.0)),
    Experiment("restart every worker", "nothing fails, is lost or runs twice", faults.restart_workers, Promise(may_run_again=False)),
    Experiment(
        "kill workers at random", "only what they ran runs again, within 10 s", faults.kill_at_random, Promise(10.0), 0.05, is_drain=True
    ),
    Experiment(
        "kill the broker", "everybody consumes again within 10 s", faults.kill_broker, Promise(silent_within=10.0, only_hit=False)
    ),
    Experiment("restart the broker", "everybody consumes again within 10 s", faults.restart_broker, Promise(silent_within=10.0)),
    Experiment("drop every connection", "they are opened again, nothing runs twice", faults.drop_connections,
               Promise(silent_within=10.0, may_run_again=False)),
    Experiment("cut a worker's network", "its tasks run elsewhere; it consumes again when it is back", faults.cut_network, Promise(10.0)),
    Experiment("slow a worker's network", "nothing runs twice", faults.slow_network, Promise(may_run_again=False)),
    Experiment(
        "fill the broker's memory", "producers are told, what is accepted is done", faults.fill_memory,
        Promise(silent_within=10.0, may_run_again=False),
    ),
    Experiment(
        "fill the broker's disk", "producers are told; it goes on when there is room", faults.fill_disk,
        Promise(silent_within=20.0, may_run_again=False),
    ),
    Experiment("make a ghost", "it ends itself and is started again", faults.make_ghost, Promise(10.0), compares=False),
    Experiment("step a worker's clock", "nobody notices", clocks.step_worker, replace(UNNOTICED, must_hit=True)),
    Experiment("step the broker's clock", "nobody is declared dead", clocks.step_broker, UNNOTICED),
    Experiment("kill a beat", "the other sends every job, once", schedulers.kill_beat, UNNOTICED, compares=False),
    Experiment("freeze a beat", "the other sends every job, once", schedulers.freeze_beat, UNNOTICED, compares=False),
)  # fmt: skip
