"""Does any sequence of steps keep every task in exactly one place and every counter right?"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import hypothesis.strategies as st
import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from rig import Message, Rig, build

from fleet.dispatcher import dead_letters
from fleet.dispatcher.mending import mend
from fleet.dispatcher.pausing import pause, resume
from fleet.registry import roster

OVER = {"done", "failed", "dead", "cancelled"}
POOLS = ("a", "b")
TYPES = {"job": {}, "bound": {"strategy": "least_connections"}, "turns": {"strategy": "round_robin"}}


class Cell(RuleBasedStateMachine):
    """Producers, workers, operators and the clock, in any order."""

    rig: Rig
    messages = Bundle("messages")

    @initialize()
    def begin(self) -> None:
        self.rig.store.flushall()
        from fleet.dispatcher import declare

        declare.publish()
        self.accepted: set[str] = set()
        self.results: Counter[str] = Counter()
        self.workers: dict[str, tuple[str, int]] = {}
        self.number = 0

    @rule(pool=st.sampled_from(POOLS), slots=st.integers(1, 3))
    def a_worker_comes(self, pool: str, slots: int) -> None:
        self.number += 1
        self.workers[self.rig.worker(f"w{self.number}", pool, slots)] = (pool, slots)

    @rule(
        kind=st.sampled_from(sorted(TYPES)), priority=st.integers(0, 9), tenant=st.sampled_from(["t", "u"]),
        delay=st.sampled_from([0.0, 0.0, 0.0, 60.0]), deadline=st.sampled_from([None, None, 120.0]),
    )  # fmt: skip
    def submit(self, kind: str, priority: int, tenant: str, delay: float, deadline: float | None) -> None:
        handle = self.rig.submit(kind, priority=priority, tenant=tenant, delay_seconds=delay, deadline_seconds=deadline)
        assert handle.is_accepted
        self.accepted.add(handle.id)

    @rule(target=messages, pool=st.sampled_from(POOLS))
    def take(self, pool: str) -> Message | None:
        return self.rig.take(pool)

    @rule(message=messages, draw=st.randoms(use_true_random=False))
    def claim(self, message: Message | None, draw: object) -> None:
        from fleet.dispatcher.claim import claim

        if message is None or not self.workers:
            return
        worker = sorted(self.workers)[draw.randrange(len(self.workers))]  # type: ignore[attr-defined]
        if claim(message.task_id, message.attempt, worker).granted:
            record = self.rig.record(message.task_id)
            assert (record.state, record.worker, record.attempt) == ("running", worker, message.attempt)

    @rule(message=messages, outcome=st.sampled_from(["done", "done", "failed", "retry", "lost", "back", "cancelled"]), delay=st.sampled_from([0.0, 60.0]))
    def end(self, message: Message | None, outcome: str, delay: float) -> None:
        if message is None:
            return
        if self.rig.end(message, outcome, reason="said", delay=delay) == "done":
            self.results[message.task_id] += 1

    @rule(message=consumes(messages))
    def the_broker_loses_a_message(self, message: Message | None) -> None:
        if message is not None and self.rig.store.zscore(self.rig.key("released"), message.task_id) is not None:
            self.rig.store.zadd(self.rig.key("released"), {message.task_id: 1.0})

    @rule()
    def time_passes_for_delayed_tasks(self) -> None:
        for task in self.rig.store.zrange(self.rig.key("delayed"), 0, -1):  # type: ignore[union-attr]
            self.rig.store.zadd(self.rig.key("delayed"), {task: 1.0})

    @rule()
    def time_passes_for_deadlines(self) -> None:
        for task in self.rig.store.zrange(self.rig.key("deadlines"), 0, -1):  # type: ignore[union-attr]
            self.rig.store.zadd(self.rig.key("deadlines"), {task: 1.0})

    @rule(draw=st.randoms(use_true_random=False), how=st.sampled_from(["silent", "leaves", "drains", "undrains"]))
    def a_worker_goes(self, draw: object, how: str) -> None:
        if not self.workers:
            return
        worker = sorted(self.workers)[draw.randrange(len(self.workers))]  # type: ignore[attr-defined]
        if how == "silent":
            self.rig.silence(worker)
            del self.workers[worker]
        elif how == "leaves":
            roster.leave(worker)
            del self.workers[worker]
        else:
            roster.drain(worker) if how == "drains" else roster.undrain(worker)

    @rule()
    def tick(self) -> None:
        self.rig.tick()

    @rule(draw=st.randoms(use_true_random=False))
    def cancel(self, draw: object) -> None:
        from fleet.dispatcher.tasks import cancel

        if self.accepted:
            cancel(sorted(self.accepted)[draw.randrange(len(self.accepted))], "no")  # type: ignore[attr-defined]

    @rule(name=st.sampled_from([*POOLS, *TYPES]), on=st.booleans())
    def pause(self, name: str, on: bool) -> None:
        pause(name, "now") if on else resume(name)

    @rule()
    def replay(self) -> None:
        for letter in dead_letters.read(1):
            dead_letters.replay(letter.task_id)

    @invariant()
    def everything_is_in_exactly_one_place(self) -> None:
        if not hasattr(self, "accepted"):
            return
        rig, places = self.rig, Counter[str]()
        for lane in rig.store.smembers(rig.key("lanes")):  # type: ignore[union-attr]
            places.update(rig.store.zrange(rig.key(f"held:{lane}"), 0, -1))  # type: ignore[arg-type]
        held = sum(places.values())
        assert rig.held() == held
        for place in ("delayed", "released", "dead"):
            places.update(rig.store.zrange(rig.key(place), 0, -1))  # type: ignore[arg-type]
        for key in rig.store.scan_iter(rig.key("running:*")):
            places.update(rig.store.smembers(key))  # type: ignore[arg-type]
        for task in self.accepted:
            state = rig.state(task)
            assert places[task] == (0 if state in OVER - {"dead"} else 1), (task, state)
        assert set(places) <= self.accepted

    @invariant()
    def counters_agree_and_slots_are_kept(self) -> None:
        if not hasattr(self, "accepted"):
            return
        assert mend() == {"mended": 0}
        for pool in POOLS:
            assert self.rig.inflight(pool) >= 0

    @invariant()
    def nobody_has_two_results(self) -> None:
        assert all(count == 1 for count in getattr(self, "results", {}).values())

    def teardown(self) -> None:
        if not hasattr(self, "accepted"):
            return
        self.rig.check_keys()
        self.drain()

    def drain(self) -> None:
        """With the fleet in order again, everything left runs to its end."""
        for name in (*POOLS, *TYPES):
            resume(name)
        for number, pool in enumerate(POOLS):
            self.rig.worker(f"last{number}", pool, 4)
        for worker in self.workers:
            self.rig.silence(worker)
        for _ in range(60):
            for number, pool in enumerate(POOLS):
                self.live(f"last{number}", pool)
            self.time_passes_for_delayed_tasks()
            for task in self.rig.store.zrange(self.rig.key("released"), 0, -1):  # type: ignore[union-attr]
                self.rig.store.zadd(self.rig.key("released"), {task: 1.0})
            self.rig.tick()
            for number, pool in enumerate(POOLS):
                self.empty(pool, f"last{number}")
            if all(self.rig.state(task) in OVER for task in self.accepted):
                return
        raise AssertionError({task: self.rig.state(task) for task in self.accepted})

    def live(self, worker: str, pool: str) -> None:
        """Beat as a worker does, however slow this machine is; one that was given up gets ready again."""
        if roster.heartbeat(worker, 1).status not in ("idle", "busy"):
            self.rig.worker(worker, pool, 4)

    def empty(self, pool: str, worker: str) -> None:
        from fleet.dispatcher.claim import claim

        while (message := self.rig.take(pool)) is not None:
            if claim(message.task_id, message.attempt, worker).granted and self.rig.end(message) == "done":
                self.results[message.task_id] += 1
                assert self.results[message.task_id] == 1


def test_any_sequence_of_steps(store: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = build(store, tmp_path / "fleet.yaml", monkeypatch, task_types=TYPES)
    machine = type("CellUnderTest", (Cell,), {"rig": rig})
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=checks, database=None),
    )
