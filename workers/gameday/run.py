"""How does a game day go?"""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from fleet.errors import UnknownName
from workers.gameday.experiments import EXPERIMENTS, Experiment
from workers.gameday.fleet_ground import TUNED, FleetGround
from workers.gameday.ground import SLOTS, WORKERS, Ground
from workers.gameday.peer_ground import PeerGround
from workers.gameday.score import Score, in_flight, score
from workers.gameday.stage import NotHere, Stage

READY_SECONDS, SETTLE_SECONDS = 180.0, 120.0
SETTLE_PER_TASK_SECONDS = 0.06
LOOK_SECONDS = 0.2
TUNED_RECOVERY_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much work each experiment brings in."""

    tasks: int = 48
    drain: int = 1000


def chosen(names: Sequence[str]) -> list[Experiment]:
    """Return the experiments of these names; all of them when none is named."""
    by_name = {experiment.name: experiment for experiment in EXPERIMENTS}
    for name in names:
        if name not in by_name:
            raise UnknownName("experiment", name, by_name)
    return [by_name[name] for name in names] if names else list(EXPERIMENTS)


Told = Callable[[str], None]


def run(
    experiments: Sequence[Experiment], size: Size, tell: Told, done: Told = lambda _: None, *, is_tuned: bool = False
) -> list[Score]:
    """Break the fleet, one experiment after another, each under its own load; `done` hears which one is over."""
    if is_tuned:
        quick = TUNED_RECOVERY_SECONDS
        experiments = [
            replace(one, promise=replace(one.promise, recovered_within=min(quick, one.promise.recovered_within or quick)))
            for one in experiments
        ]
    with _on(lambda folder: FleetGround(folder, tell), TUNED if is_tuned else {}) as ground:
        return [_one(ground, experiment, size, tell, done) for experiment in experiments]


def run_peer(
    experiments: Sequence[Experiment], size: Size, tell: Told, done: Told = lambda _: None, *, is_tuned: bool = False
) -> list[Score]:
    """Break plain Celery in the same way, where the question makes sense; each experiment on fresh workers and broker."""
    scores = []
    for experiment in experiments:
        if experiment.compares:
            with _on(lambda folder: PeerGround(folder, tell, is_tuned=is_tuned), {}) as ground:
                scores.append(_one(ground, experiment, size, tell, done))
    return scores


def _one(ground: Ground, experiment: Experiment, size: Size, tell: Told, done: Told) -> Score:
    tell(f"{ground.name}: {experiment.name}: {experiment.hypothesis}")
    log = ground.folder / f"{experiment.name.replace(' ', '-')}.log"
    log.touch()
    stage = Stage(ground, log)
    acts = experiment.fault(stage)
    try:
        next(acts)
    except NotHere as missing:
        tell(f"  not run: {missing}")
        done(f"{ground.name}: {experiment.name}")
        return _not_run(experiment, str(missing))
    count = size.drain if experiment.is_drain else size.tasks
    stage.accept(ground.submit(experiment.task_seconds, str(log), count))
    # Well under way, and somebody has just begun: a fault that hits nobody proves nothing.
    stage.until(lambda: len(notes := stage.notes()) >= WORKERS * SLOTS and len(in_flight(notes)) > 1, "no task was started")
    next(acts)
    _await_ends(stage)
    finished_at, notes = time.monotonic(), stage.notes()
    next(acts, None)
    _await_ends(stage)
    stage.until(ground.is_ready, "it did not recover")
    ends = Counter(note.task_id for note in stage.notes() if note.what == "end")
    judged = score(
        experiment.name, experiment.hypothesis, experiment.promise, stage.states, ground.accepted(list(stage.states), ends), notes,
        stage.strikes, finished_at, stage.seen, stage.wrong,
    )  # fmt: skip
    tell(f"  {'holds' if judged.holds else 'BROKEN: ' + '; '.join(judged.reasons)}")
    done(f"{ground.name}: {experiment.name}")
    return judged


def _await_ends(stage: Stage) -> None:
    """Wait until every task has ended, or as long as anybody would."""
    end = time.monotonic() + SETTLE_SECONDS + SETTLE_PER_TASK_SECONDS * len(stage.states)
    while not stage.is_drained() and time.monotonic() < end:
        stage.tending(LOOK_SECONDS)


def _not_run(experiment: Experiment, why: str) -> Score:
    return Score(
        experiment.name, experiment.hypothesis, 0, 0, 0, 0, 0, 0, None, None, None, 0.0, 0.0, (f"not run: {why}",), False, (f"not run: {why}",)
    )


@contextmanager
def _on(make: Callable[[Path], Ground], settings: Mapping[str, str]) -> Iterator[Ground]:
    with tempfile.TemporaryDirectory(prefix="fleet-gameday-", ignore_cleanup_errors=True) as folder, _environment(folder, settings):
        ground = make(Path(folder))
        ground.start()
        try:
            Stage(ground, Path(folder) / "none.log").until(ground.is_ready, f"{ground.name} was not ready", READY_SECONDS)
            yield ground
        finally:
            ground.stop()


@contextmanager
def _environment(folder: str, settings: Mapping[str, str]) -> Iterator[None]:
    from fleet import catalogue
    from fleet.dispatcher import submit
    from fleet.settings import load
    from fleet.store.client import forget

    def forget_all() -> None:
        load.cache_clear()
        catalogue.forget()
        submit.forget()
        forget()

    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("FLEET_", "GAMEDAY_"))]:
        del os.environ[name]
    os.environ |= {
        "FLEET_STATE_DIR": folder, "FLEET_FILE": str(files("workers.gameday").joinpath("fleet.yaml")), "FLEET_HEALTH__INTERVAL_SECONDS": "5",
        **settings,
    }  # fmt: skip
    forget_all()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        forget_all()


