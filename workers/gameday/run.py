"""How does a game day go?"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from fleet.dispatcher import tasks as records
from fleet.dispatcher.submit import TaskRequest, submit_many
from fleet.errors import FleetError, StoreUnavailable
from fleet.supervisor.local_fleet import LocalFleet
from workers.gameday.experiments import EXPERIMENTS, Experiment
from workers.gameday.score import Note, Score, in_flight, parse, score

READY_SECONDS, SETTLE_SECONDS, LOAD_SECONDS = 60.0, 90.0, 5.0
OVER = frozenset({"done", "failed", "dead", "cancelled"})


def chosen(names: Sequence[str]) -> list[Experiment]:
    """Return the experiments of these names; all of them when none is named."""
    from fleet.errors import UnknownName

    by_name = {experiment.name: experiment for experiment in EXPERIMENTS}
    for name in names:
        if name not in by_name:
            raise UnknownName("experiment", name, by_name)
    return [by_name[name] for name in names] if names else list(EXPERIMENTS)


def run(experiments: Sequence[Experiment], count: int, tell: Callable[[str], None]) -> list[Score]:
    """Run the experiments one after another on one fleet, each under its own load of `count` tasks."""
    with tempfile.TemporaryDirectory(prefix="fleet-gameday-") as folder, _environment(folder):
        fleet = LocalFleet(
            Path(folder), extras={"flower": False, "metrics": False, "gateway": False, "llm": False}, tell=tell
        )
        fleet.start()
        tending = _Tending(fleet)
        try:
            _await(fleet.is_ready, READY_SECONDS, "the fleet was not ready")
            scores = []
            for experiment in experiments:
                tell(f"{experiment.name}: {experiment.hypothesis}")
                scores.append(_one(fleet, tending, experiment, count, Path(folder)))
                _await(fleet.is_ready, READY_SECONDS, "the fleet did not recover")
            return scores
        finally:
            tending.stop()
            fleet.stop()


def _one(fleet: LocalFleet, tending: _Tending, experiment: Experiment, count: int, folder: Path) -> Score:
    log = folder / f"{experiment.name.replace(' ', '-')}.log"
    log.touch()
    payload = {"seconds": experiment.task_seconds, "log": str(log)}
    handles = []
    for answer in submit_many(TaskRequest("gameday", payload) for _ in range(count)):
        if isinstance(answer, Exception):
            raise answer
        handles.append(answer)
    # Well under way, and somebody has just begun: a fault that hits nobody proves nothing.
    _await(lambda: len(notes := _notes(log)) >= 8 and len(in_flight(notes)) > 1, READY_SECONDS, "no task was started")
    fault_at = time.time()
    with tending.paused():
        experiment.inject(fleet)
    states = _await_ends([handle.id for handle in handles])
    finished_at = time.time()
    believed: dict[str, int] = {}
    for entry in records.search(since=fault_at - 600, limit=100_000):
        if entry.state == "done":
            believed[entry.task_id] = believed.get(entry.task_id, 0) + 1
    return score(
        experiment.name, experiment.hypothesis, states, {task: believed.get(task, 0) for task in states}, _notes(log),
        fault_at, finished_at, experiment.recover_within, experiment.may_run_again,
    )  # fmt: skip


def _notes(log: Path) -> list[Note]:
    return parse(log.read_text().splitlines())


def _await_ends(ids: Sequence[str]) -> dict[str, str]:
    """Wait until every task has ended, or as long as anybody would; a store that is away is waited for, too."""
    end, states = time.monotonic() + SETTLE_SECONDS, dict.fromkeys(ids, "unknown")
    while time.monotonic() < end:
        try:
            for task_id in [task for task, state in states.items() if state not in OVER]:
                record = records.read(task_id)
                states[task_id] = record.state if record else "unknown"
        except StoreUnavailable:
            pass
        if all(state in OVER for state in states.values()):
            break
        time.sleep(0.2)
    return states


class _Tending:
    """Tends the fleet from a thread of its own, except while a fault is being injected."""

    def __init__(self, fleet: LocalFleet) -> None:
        self._fleet, self._ended, self._lock = fleet, threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._run, name="tending", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(0.2):
            with self._lock:
                try:
                    self._fleet.tend()
                except FleetError:
                    continue

    @contextmanager
    def paused(self) -> Iterator[None]:
        with self._lock:
            yield

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(timeout=10)


@contextmanager
def _environment(folder: str) -> Iterator[None]:
    from fleet import catalogue
    from fleet.dispatcher import submit
    from fleet.settings import load

    def forget_all() -> None:
        load.cache_clear()
        catalogue.forget()
        submit.forget()

    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("FLEET_")]:
        del os.environ[name]
    os.environ |= {
        "FLEET_STATE_DIR": folder, "FLEET_FILE": str(files("workers.gameday").joinpath("fleet.yaml")), "FLEET_HEALTH__INTERVAL_SECONDS": "5",
    }  # fmt: skip
    forget_all()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        forget_all()


def _await(condition: Callable[[], bool], seconds: float, else_say: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{else_say} within {seconds:g} s")
        time.sleep(0.1)
