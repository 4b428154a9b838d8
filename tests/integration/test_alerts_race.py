"""Two evaluators, two deliverers, crashes between any two steps: is each transition told, and told once?

Actors run in threads, but one at a time: before and after every Redis command they wait for a scheduler that picks the
next at random, and that may let one die there. A dead actor is replaced by a new one, as a supervisor would.
"""

from __future__ import annotations

import os
import random
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis
from redis.client import Pipeline

from fleet.alerts import incidents, outbox
from fleet.alerts.actions.plan import Request
from fleet.alerts.deliver import deliver
from fleet.alerts.evaluate import evaluate, take_over
from fleet.alerts.message import Notification
from fleet.alerts.notifiers.outcome import TOLD, Outcome
from fleet.alerts.rules import ActionCall, Channel, Rule, RuleBook
from fleet.alerts.silences import Silence
from fleet.alerts.sources import Source
from fleet.clock import ManualClock
from fleet.errors import Conflict, NotFound
from fleet.store import keys
from fleet.store.client import Client
from fleet.telemetry.metric import Sample, sample

CELL = "race"
SCHEDULES = 1000 if os.environ.get("FLEET_TEST_SCALE") == "full" else 40
LEASE_SECONDS = 0.02
PARTS = SCHEDULES // 10
"""Ten schedules a test: a failure names few, and each ends within a test's time."""


class Died(BaseException):
    """The process is gone: nothing of it runs on."""


@dataclass
class Schedule:
    """Lets one actor act at a time, in random order, and kills some."""

    chance: random.Random
    deaths_left: int
    turn: threading.Condition = field(default_factory=threading.Condition)
    waiting: dict[int, threading.Event] = field(default_factory=dict)
    running: int = 0

    def step(self) -> None:
        """Wait for a turn; maybe die instead of taking it."""
        mine = threading.Event()
        with self.turn:
            self.waiting[threading.get_ident()] = mine
            self.running -= 1
            self._pass_on()
        mine.wait()
        if self.deaths_left > 0 and self.chance.random() < 0.04:
            self.deaths_left -= 1
            raise Died

    def _pass_on(self) -> None:
        if self.running == 0 and self.waiting:
            ident = self.chance.choice(sorted(self.waiting))
            self.running += 1
            self.waiting.pop(ident).set()

    def run(self, actors: Iterable[Callable[[], None]]) -> None:
        """Run all actors to their end."""
        actors = list(actors)
        self.running = len(actors)
        threads = [threading.Thread(target=self._live, args=(actor,)) for actor in actors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()

    def _live(self, actor: Callable[[], None]) -> None:
        try:
            actor()
        except Died:
            pass
        finally:
            with self.turn:
                self.running -= 1
                self._pass_on()


class SteppedPipeline(Pipeline):  # type: ignore[type-arg]
    schedule: Schedule

    def execute(self, raise_on_error: bool = True) -> Any:
        self.schedule.step()
        answer = super().execute(raise_on_error)
        self.schedule.step()
        return answer


class SteppedClient(redis.Redis):
    """A client on the same server whose every command is a step of the schedule."""

    schedule: Schedule

    def execute_command(self, *args: Any, **options: Any) -> Any:
        self.schedule.step()
        answer = super().execute_command(*args, **options)
        self.schedule.step()
        return answer

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Any:
        pipe = SteppedPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        pipe.schedule = self.schedule
        return pipe


def stepped(store: redis.Redis, schedule: Schedule) -> SteppedClient:
    client = SteppedClient(connection_pool=store.connection_pool)
    client.schedule = schedule
    return client


def read_world(client: Client, cell: str, now: float) -> Iterator[Sample]:
    """The world is a real hash in the same Redis: task type -> dead letters."""
    del now
    for task_type, count in client.hgetall(keys.prefix(cell) + "world").items():  # type: ignore[union-attr]
        yield sample("fleet_dead_letters", float(count), task_type=task_type)


WORLD = Source("world", ("fleet_dead_letters",), read_world)
CHANNELS = {
    "chat": Channel(name="chat", kind="webhook", url="http://chat.test", secret="chat"),
    "page": Channel(name="page", kind="pagerduty", secret="page"),
}
RULES = {
    row["name"]: Rule.model_validate({"expr": "fleet_dead_letters > 0", "channels": ("chat",), **row})
    for row in (
        {"name": "quick", "channels": ("chat", "page"), "repeat": "1m"},
        {"name": "slow", "expr": "fleet_dead_letters > 1", "for": "1m"},
        {"name": "calm", "resolve_after": "90s"},
        {"name": "acting", "by": (), "action": ActionCall(name="scale_up").model_dump()},
    )
}
BOOK = RuleBook(rules=RULES, channels=CHANNELS)


@dataclass
class Receiver:
    """The other end: remembers what arrived, is sometimes away."""

    chance: random.Random
    copies: Counter[str] = field(default_factory=Counter)
    order: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    def __call__(self, notification: Notification, channel: Channel, secret: str) -> Outcome:
        assert secret == f"secret of {channel.name}"
        if self.chance.random() < 0.15:
            return Outcome("later", "answered 503", 0.0)
        self.copies[notification.id] += 1
        if self.copies[notification.id] == 1:
            for subject in notification.subjects:
                self.order[channel.name, subject.key].append(notification.kind)
        return TOLD


@dataclass
class Actions:
    """Who acts: remembers what was asked for, is sometimes away."""

    chance: random.Random
    asked: Counter[str] = field(default_factory=Counter)

    def __call__(self, request: Request) -> Outcome:
        assert request.by == "acting"
        if self.chance.random() < 0.15:
            return Outcome("later", "the store was away", 0.0)
        self.asked[request.id] += 1
        return TOLD


def play(store: redis.Redis, seed: int) -> tuple[Receiver, Actions, int]:
    """Run one random schedule and then let the dust settle; return what arrived, and how many actors died."""
    chance = random.Random(seed)
    store.delete(*(store.keys(f"{keys.prefix(CELL)}*") or ["nothing"]))
    schedule = Schedule(chance, deaths_left=chance.choice([0, 1, 2, 4]))
    deaths, receiver, actions = schedule.deaths_left, Receiver(random.Random(seed + 1)), Actions(random.Random(seed + 2))
    world = keys.prefix(CELL) + "world"

    def look(client: Client, now: float) -> None:
        evaluate(client, CELL, BOOK, now, sources=(WORLD,))

    def hand_over(client: Client) -> None:
        deliver(
            client, CELL, BOOK, lambda name: f"secret of {name}", actions, tell=receiver, threads=1,
            most=8, lease_seconds=LEASE_SECONDS, clock=ManualClock(now),
        )  # fmt: skip

    def operate(client: Client) -> None:
        """Somebody acknowledges what is open, or asks for quiet, or ends it."""
        match chance.choice(["take", "take", "silence", "speak", "rest"]):
            case "take":
                found = incidents.read(client, CELL).incidents.values()
                for incident in [one for one in found if one.status == "firing"][:1]:
                    try:
                        take_over(client, CELL, BOOK, incident.key, "somebody", now)
                    except (Conflict, NotFound):
                        pass  # somebody else was faster, or it is over
            case "silence":
                incidents.put_silence(client, CELL, Silence("s", (("rule", "quick"),), now + 90, "somebody", "", now))
            case "speak":
                incidents.drop_silences(client, CELL, ["s"])

    now = 1_000_000.0
    for _ in range(6):
        now += 60.0
        for task_type in ("code", "scan"):
            store.hset(world, task_type, chance.choice([0, 0, 1, 2]))
        moments = [now, now + chance.choice([-1.0, 0.0, 1.0])]
        actors = [lambda at=at: look(stepped(store, schedule), at) for at in moments]
        actors += [lambda: hand_over(stepped(store, schedule)) for _ in range(2)]
        actors.append(lambda: operate(stepped(store, schedule)))
        schedule.run(actors)
    store.delete(world)
    for extra in (660.0, 1320.0):  # beyond the calm a flapping incident needs
        evaluate(store, CELL, BOOK, now + extra, sources=(WORLD,))
    while outbox.waiting(store, CELL):
        hand_over(store)
    return receiver, actions, deaths - schedule.deaths_left


@pytest.mark.parametrize("part", range(PARTS))
def test_no_transition_is_lost_or_told_twice(store: redis.Redis, part: int) -> None:
    died = 0
    kinds = Counter[str]()
    for seed in range(part, SCHEDULES, PARTS):
        receiver, actions, deaths = play(store, seed)
        died += deaths
        saved = incidents.history(store, CELL, 10_000)
        kinds.update(row["kind"] for row in saved)
        expected: dict[tuple[str, str], list[str]] = defaultdict(list)
        for row in reversed(saved):
            for channel in BOOK.channels_of(BOOK.rules[row["rule"]]):
                expected[channel, row["incident"]].append(row["kind"])
        assert dict(receiver.order) == dict(expected), f"seed {seed}"
        for told in receiver.order.values():
            assert re.fullmatch("(firing (repeated )*(acknowledged )?resolved )*", "".join(f"{kind} " for kind in told)), f"seed {seed}"
        wanted = sum(row["kind"] in ("firing", "repeated") for row in saved if row["rule"] == "acting")
        assert len(actions.asked) == wanted, f"seed {seed}: an action was lost, or asked for under two names"
        assert len({row["id"] for row in saved}) == len(saved), f"seed {seed}: a transition was saved twice"
        assert outbox.given_up(store, CELL) == []
    assert kinds["firing"] > 10
    assert died > 0
    assert min(kinds["acknowledged"], kinds["repeated"], kinds["resolved"]) > 0, "every transition took part"
