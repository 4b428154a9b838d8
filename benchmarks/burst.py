"""How do real processes follow a burst: from zero out, and back to zero with nothing killed? `fleet bench burst`"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import stage
from benchmarks.elastic import on_stage, wait_for
from benchmarks.noted import in_flight, read
from fleet import catalogue
from fleet.dispatcher.submit import TaskRequest, submit_many
from fleet.registry import roster
from fleet.scaling.orders import Order, Orders
from fleet.scaling.staffing import StaffingSettings
from fleet.scaling.target_store import TargetStore
from fleet.settings import current
from fleet.store.client import connect
from fleet.supervisor.local_fleet import LocalFleet

HERE, POOL, TASK_SECONDS, LONG_SECONDS = Path(__file__).parent, "burst", 2.0, 45.0
DONE_SECONDS, ZERO_SECONDS = 300.0, 300.0


@dataclass(frozen=True, slots=True)
class Burst:
    """One burst and what followed; seconds count from its submission."""

    start: str
    """cold: no process was there; warm: at least one was idle."""
    tasks: int
    first_start_seconds: float
    right: int
    """Replicas that work the burst off as fast as the settings ask for, within the pool's maximum."""
    target_right_seconds: float
    all_done_seconds: float
    most_replicas: int


@dataclass(frozen=True, slots=True)
class Report:
    """Both bursts, and the way back."""

    bursts: list[Burst]
    running_when_told_to_leave: int
    """Tasks of replicas that a smaller target told to leave in the middle of their work."""
    back_to_zero_seconds: float
    started: int
    ended: int
    interrupted: int
    """Tasks that were started and not ended by the same process."""
    ran_again: int
    killed_processes: int
    tick_seconds: float

    @property
    def goals(self) -> dict[str, bool]:
        return {
            "first start <= 1 s after a warm pool is told": self.bursts[1].first_start_seconds <= 1.0,
            "target right within one tick": all(b.target_right_seconds <= self.tick_seconds + 1.0 for b in self.bursts),
            "leaves in mid-task, nothing killed": self.running_when_told_to_leave > 0 and not self.interrupted,
            "back to zero, nothing killed": not (self.interrupted or self.killed_processes or self.ran_again),
        }


def measure(tasks: int, tick_seconds: float = 15.0, long_seconds: float = LONG_SECONDS) -> Report:
    """Burst on a pool at zero, again on the warm pool, then wait until it is at zero."""
    environment = {"FLEET_SCALING__INTERVAL_SECONDS": str(tick_seconds)}
    with on_stage(HERE / "burst.yaml", environment, lambda _line: None) as (fleet, _tending):
        log = fleet.state_dir / "burst.log"
        log.touch()
        wait_for(lambda: POOL in TargetStore(connect(), current().cell).pools(), ZERO_SECONDS, "no target was published")
        bursts = [_burst(fleet, log, start, tasks) for start in ("cold", "warm")]
        running = _leave_in_mid_task(fleet, log, long_seconds)
        since = time.time()
        wait_for(lambda: not _replicas(fleet) and not fleet.leaving, ZERO_SECONDS, "the pool did not go to zero")
        back, notes = time.time() - since, read(log)
        starts = [note.task_id for note in notes if note.what == "start"]
        return Report(
            bursts,
            running,
            back,
            len(starts),
            sum(note.what == "end" for note in notes),
            len(in_flight(notes)),
            len(starts) - len(set(starts)),
            sum("was killed" in event for event in fleet.events),
            tick_seconds,
        )


def _burst(fleet: LocalFleet, log: Path, start: str, tasks: int) -> Burst:
    before, began = len(read(log)), time.time()
    _submit(tasks, TASK_SECONDS, log)
    most = 0

    def is_over() -> bool:
        nonlocal most
        most = max(most, _replicas(fleet))
        return sum(note.what == "end" for note in read(log)[before:]) >= tasks

    wait_for(is_over, DONE_SECONDS, f"the {start} burst was not worked off")
    done, notes, row = time.time() - began, read(log)[before:], catalogue.current().pools[POOL]
    fast = math.ceil(tasks * TASK_SECONDS / StaffingSettings().drain_seconds / row.slots)
    right = max(1, min(row.max_replicas, fast))
    return Burst(start, tasks, notes[0].at - began, right, _target_reached(right, began), done, most)


def _leave_in_mid_task(fleet: LocalFleet, log: Path, seconds: float) -> int:
    """Fill three replicas with long tasks, then ask for one; return what the two that leave were running."""
    orders, store, slots = Orders(connect(), current().cell), TargetStore(connect(), current().cell), catalogue.current().pools[POOL].slots

    def pin(replicas: int) -> None:
        orders.pin(Order(POOL, replicas, "benchmark", "scale in while tasks run", store.now()))

    def ready() -> int:
        return sum(worker.pool == POOL and worker.status in ("idle", "busy") for worker in roster.workers())

    pin(3)
    wait_for(lambda: ready() == 3 == _replicas(fleet), DONE_SECONDS, "three replicas were not ready")
    _submit(3 * slots, seconds, log)
    wait_for(lambda: len(in_flight(read(log))) > 2 * slots, DONE_SECONDS, "three replicas were not busy")
    pin(1)
    wait_for(lambda: len(fleet.leaving) == 2, DONE_SECONDS, "nobody was told to leave")
    running = len(in_flight(read(log))) - slots
    wait_for(lambda: not in_flight(read(log)), DONE_SECONDS, "the long tasks did not end")
    orders.unpin(POOL)
    return running


def _submit(tasks: int, seconds: float, log: Path) -> None:
    request = TaskRequest("noted", {"seconds": seconds, "log": str(log)})
    for answer in submit_many([request] * tasks):
        if isinstance(answer, Exception):
            raise answer


def _target_reached(right: int, began: float) -> float:
    entries = TargetStore(connect(), current().cell).history(POOL)
    return min((entry["at"] - began for entry in entries if entry["at"] >= began and entry["replicas"] >= right), default=math.inf)


def _replicas(fleet: LocalFleet) -> int:
    return sum(child.is_up for child in list(fleet.replicas.get(POOL, {}).values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    wished = parser.parse_args()
    report = stage.part("two bursts", lambda: measure(wished.tasks))
    if wished.json:
        print(json.dumps(asdict(report) | {"goals": report.goals}, indent=2))
        return
    for burst in report.bursts:
        print(f"{burst.start}: {burst.tasks} tasks of {TASK_SECONDS:g} s: first start after {burst.first_start_seconds:.2f} s, "
              f"target {burst.right} or more after {burst.target_right_seconds:.1f} s, up to {burst.most_replicas} replicas, "
              f"all done after {burst.all_done_seconds:.1f} s")  # fmt: skip
    print(f"{report.running_when_told_to_leave} tasks of {LONG_SECONDS:g} s ran on replicas that were told to leave")
    print(f"back to zero after {report.back_to_zero_seconds:.1f} s; {report.started} starts, {report.ended} ends, "
          f"{report.interrupted} interrupted, {report.ran_again} ran again, {report.killed_processes} processes killed")  # fmt: skip
    for goal, is_met in report.goals.items():
        print(f"{'met   ' if is_met else 'MISSED'} {goal}")


if __name__ == "__main__":
    main()
