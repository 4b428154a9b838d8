"""From a number in the store to a message at the receiver and an action in force: is every step where it belongs?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from pytest_httpserver import HTTPServer
from werkzeug import Request as WebRequest
from werkzeug import Response

from fleet.alerts import incidents, outbox, rulebook, signals
from fleet.alerts.actions.plan import Request
from fleet.alerts.deliver import deliver
from fleet.alerts.evaluate import Looked, evaluate, take_over
from fleet.alerts.notifiers.outcome import TOLD, Outcome
from fleet.alerts.rules import RuleBook
from fleet.alerts.silences import Silence, matchers
from fleet.alerts.sources import Source
from fleet.catalogue.positions import read
from fleet.clock import ManualClock
from fleet.errors import Conflict, FleetError, NotFound
from fleet.store import keys
from fleet.store.client import Client
from fleet.store.scripts import script
from fleet.telemetry.metric import Sample, sample

CELL = "life"
START = 3_000_000_000.0
RULES = """\
alerts:
  channels:
    hook: {{kind: webhook, url: "{url}", secret: hook}}
    page: {{kind: pagerduty, url: "{url}", secret: page}}
  rules:
    dead: {{expr: fleet_dead_letters > 0, for: 2m, severity: critical, channels: [hook, page], repeat: 1h, try: [look]}}
    tokens:
      expr: sum(increase(ai_agent_token_usage_total[1h])) > 1000
      for: 0s
      channels: [hook]
      action: rate_limiting
    blind: {{expr: fleet_alerts_blind == 1, for: 1m, channels: [hook]}}
"""


class Fleet:
    """A cell, its rules, a world that the test moves, and a receiver."""

    def __init__(self, store: redis.Redis, server: HTTPServer) -> None:
        self.store, self.server = store, server
        self.clock = ManualClock(START)
        self.world: dict[str, float] = {}
        self.status, self.got, self.acted = 200, [], []  # type: ignore[var-annotated]
        self.is_broken = False
        store.delete(*(store.keys(f"{keys.prefix(CELL)}*") or ["nothing"]))
        server.expect_request("/in").respond_with_handler(self._receive)
        self.book: RuleBook = rulebook.combine([read(RULES.format(url=server.url_for("/in")), "test.yaml")])
        self.source = Source("world", ("fleet_dead_letters",), self._read_world)

    def _receive(self, request: WebRequest) -> Response:
        if self.status == 200:
            self.got.append(json.loads(request.get_data()))
        return Response("", status=self.status)

    def _read_world(self, client: Client, cell: str, now: float) -> Iterator[Sample]:
        del client, cell, now
        if self.is_broken:
            raise FleetError("the world cannot be read")
        for task_type, value in self.world.items():
            yield sample("fleet_dead_letters", value, task_type=task_type)

    def look(self, minutes: float = 1.0, **options: Any) -> Looked:
        self.clock.advance(60 * minutes)
        return evaluate(self.store, CELL, self.book, self.clock.now(), sources=(self.source,), **options)

    def deliver(self) -> dict[str, int]:
        def act(request: Request) -> Outcome:
            self.acted.append(request)
            return TOLD

        return dict(
            deliver(self.store, CELL, self.book, lambda name: f"secret {name}", act, clock=self.clock, threads=1)
        )

    def kinds(self) -> list[str]:
        return [one.get("kind") or one["event_action"] for one in self.got]

    def status_of(self, key: str) -> str | None:
        found = incidents.read(self.store, CELL).incidents.get(key)
        return found.status if found else None


@pytest.fixture
def fleet(store: redis.Redis, httpserver: HTTPServer) -> Fleet:
    return Fleet(store, httpserver)


DEAD = "dead{task_type=code}"


def test_true_for_long_enough_is_told_within_one_look_and_resolved_once(fleet: Fleet) -> None:
    fleet.world["code"] = 3
    for _ in range(2):
        fleet.look()
        assert fleet.deliver() == {}
    fleet.look()
    assert fleet.deliver() == {"told": 2}
    assert sorted(fleet.kinds()) == ["firing", "trigger"]
    hook = next(one for one in fleet.got if one.get("kind"))
    assert (hook["subjects"][0]["value"], hook["threshold"], hook["first_things_to_try"]) == ("3", "> 0", ["look"])
    assert hook["subjects"][0]["since"] == START + 60
    assert hook["runbook"].endswith("dead.md")
    for _ in range(3):
        fleet.look()
        assert fleet.deliver() == {}
    fleet.world["code"] = 0
    fleet.look()
    fleet.look()
    fleet.deliver()
    assert sorted(fleet.kinds()) == ["firing", "resolve", "resolved", "trigger"]
    assert [row["kind"] for row in incidents.history(fleet.store, CELL, 10)] == ["resolved", "firing"]


def test_acknowledged_is_told_does_not_repeat_and_is_taken_once(fleet: Fleet) -> None:
    fleet.world["code"] = 1
    for _ in range(3):
        fleet.look()
    take_over(fleet.store, CELL, fleet.book, DEAD, "ada", fleet.clock.now())
    with pytest.raises(Conflict, match="acknowledged by ada already"):
        take_over(fleet.store, CELL, fleet.book, DEAD, "bob", fleet.clock.now())
    with pytest.raises(NotFound, match="fleet alerts list"):
        take_over(fleet.store, CELL, fleet.book, "other", "bob", fleet.clock.now())
    fleet.look(120)
    fleet.deliver()
    assert sorted(fleet.kinds()) == ["acknowledge", "acknowledged", "firing", "trigger"]
    assert [one["event_action"] for one in fleet.got if "event_action" in one] == ["trigger", "acknowledge"]


def test_an_open_incident_repeats_after_its_interval(fleet: Fleet) -> None:
    fleet.world["code"] = 1
    for minutes in (1, 1, 1, 30, 31, 1):
        fleet.look(minutes)
    fleet.deliver()
    assert [kind for kind in fleet.kinds() if kind in ("firing", "repeated")] == ["firing", "repeated"]


def test_a_silence_keeps_quiet_until_it_ends(fleet: Fleet) -> None:
    silence = Silence("s1", matchers(["dead", "task_type=code"]), START + 600, "ada", "known", START)
    incidents.put_silence(fleet.store, CELL, silence)
    fleet.world["code"] = fleet.world["scan"] = 1
    for _ in range(5):
        fleet.look()
    assert fleet.status_of(DEAD) == "firing"
    fleet.deliver()
    assert {subject["key"] for one in fleet.got if one.get("kind") for subject in one["subjects"]} == {
        "dead{task_type=scan}"
    }
    fleet.look(10)
    fleet.deliver()
    assert DEAD in {subject["key"] for one in fleet.got if one.get("kind") for subject in one["subjects"]}
    assert incidents.drop_silences(fleet.store, CELL, ["s1"]) == 1


def test_many_incidents_of_one_rule_are_one_message_and_single_pages(fleet: Fleet) -> None:
    fleet.world = {f"type{number}": 1.0 for number in range(30)}
    for _ in range(3):
        fleet.look()
    fleet.deliver()
    hooks = [one for one in fleet.got if one.get("kind")]
    assert [(one["total"], len(one["subjects"])) for one in hooks] == [(30, 20)]
    assert len({one["dedup_key"] for one in fleet.got if "dedup_key" in one}) == 30


def test_receivers_that_fail_are_tried_again_in_order_and_given_up_visibly(fleet: Fleet) -> None:
    fleet.world["code"] = 1
    fleet.status = 503
    for _ in range(3):
        fleet.look()
    assert fleet.deliver() == {"postponed": 2}
    fleet.world["code"] = 0
    fleet.look()
    assert fleet.deliver() == {}, "the first must be told before the second"
    waiting = {row["lane"]: row for row in outbox.waiting(fleet.store, CELL)}
    assert waiting["hook|dead"]["waiting"] == 2
    assert (waiting["hook|dead"]["attempts"], waiting["hook|dead"]["error"]) == (1, "answered 503")
    fleet.status = 404
    due_now(fleet)
    while fleet.deliver():
        pass
    assert outbox.waiting(fleet.store, CELL) == []
    dead = outbox.given_up(fleet.store, CELL)
    assert len(dead) == 4
    assert {row["error"] for row in dead} == {"answered 404"}
    names = {one.name: one.value for one in signals.gather(fleet.store, CELL, fleet.clock.now()).derived}
    assert names["fleet_notifications_dead"] == 4


def due_now(fleet: Fleet) -> None:
    """Let every lane be due, as if its wait were over."""
    key = keys.prefix(CELL) + "outbox"
    for lane in fleet.store.zrange(key, 0, -1):  # type: ignore[union-attr]
        fleet.store.zadd(key, {lane: 0})


def test_after_a_day_the_outbox_gives_up(fleet: Fleet) -> None:
    fleet.world["code"] = 1
    for _ in range(3):
        fleet.look()
    fleet.status = 500
    fleet.clock.advance(86_401)
    assert fleet.deliver() == {"given up": 2}


def test_a_firing_rule_asks_for_its_action_once(fleet: Fleet) -> None:
    tokens(fleet, 10)
    fleet.look()
    fleet.look()
    tokens(fleet, 5_000)
    fleet.look()
    fleet.look()
    fleet.deliver()
    assert [(one.call.name, one.by) for one in fleet.acted] == [("rate_limiting", "tokens")]
    told = next(one for one in fleet.got if one.get("rule") == "tokens")
    assert fleet.acted[0].id in json.dumps(told["evidence"]), "the message says how to take the action back"
    assert told["subjects"][0]["plot"]


def tokens(fleet: Fleet, count: int) -> None:
    write = ["count", count, "", "ai_agent_token_usage_total", "code_generator", "gpt-5"]
    script("telemetry/record.lua")(fleet.store, [keys.prefix(CELL)], [json.dumps([write])])


def test_what_cannot_be_read_holds_incidents_and_raises_blindness(fleet: Fleet) -> None:
    fleet.world["code"] = 1
    for _ in range(3):
        fleet.look()
    fleet.is_broken = True
    for _ in range(3):
        looked = fleet.look()
    assert "the world cannot be read" in looked.blind["dead"]
    assert fleet.status_of(DEAD) == "firing"
    fleet.deliver()
    assert [one["rule"] for one in fleet.got if one.get("kind") == "firing"] == ["dead", "blind"]


def test_prometheus_away_is_an_alert_and_not_silence(fleet: Fleet) -> None:
    fleet.world["code"] = 1
    for _ in range(3):
        fleet.look()
    for _ in range(3):
        looked = fleet.look(prometheus_url="http://127.0.0.1:9")
    assert "is away" in looked.blind["dead"]
    assert fleet.status_of(DEAD) == "firing"
    fleet.deliver()
    assert [one["rule"] for one in fleet.got if one.get("kind") == "firing"] == ["dead", "blind"]


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, "{}"), (200, "<html>"), (200, '{"status": "error"}'), (302, ""), (200, '{"status":"success","data":{}}')],
)
def test_nonsense_from_prometheus_is_blindness(fleet: Fleet, status: int, body: str) -> None:
    fleet.server.expect_request("/api/v1/query").respond_with_data(body, status=status, headers={"Location": "/in"})
    looked = fleet.look(prometheus_url=fleet.server.url_for("/"))
    assert set(looked.blind) == {"dead", "tokens"}


def test_prometheus_answers_become_incidents_without_its_own_labels(fleet: Fleet) -> None:
    def answer(request: WebRequest) -> Response:
        rows = []
        if "dead_letters" in request.form["query"]:
            labels = {"__name__": "fleet_dead_letters", "task_type": "code", "instance": "a:1", "job": "fleet"}
            rows = [{"metric": labels, "value": [0, "4"]}]
        return Response(json.dumps({"status": "success", "data": {"resultType": "vector", "result": rows}}))

    fleet.server.expect_request("/api/v1/query", method="POST").respond_with_handler(answer)
    for _ in range(3):
        looked = fleet.look(prometheus_url=fleet.server.url_for("/"))
    assert looked.blind == {}
    assert fleet.status_of(DEAD) == "firing"


def test_two_evaluators_at_once_and_a_restart_add_nothing(fleet: Fleet) -> None:
    fleet.world["code"] = 1
    for _ in range(4):
        fleet.look()
        fleet.look(0)
    fleet.book = rulebook.combine([read(RULES.format(url=fleet.server.url_for("/in")), "again.yaml")])
    fleet.look()
    fleet.deliver()
    assert sorted(fleet.kinds()) == ["firing", "trigger"]


def test_no_key_outside_the_table(fleet: Fleet) -> None:
    fleet.world["code"] = 1
    for _ in range(3):
        fleet.look()
    tokens(fleet, 1)
    pattern = keys.pattern()
    unknown = [key for key in fleet.store.keys(keys.prefix(CELL) + "*") if not pattern.fullmatch(key)]  # type: ignore[union-attr]
    assert unknown == []
