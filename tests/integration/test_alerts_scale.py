"""Does a fleet of a thousand workers and a thousand rules stay in hand?"""

from __future__ import annotations

import json

import redis
from prometheus_client.parser import text_string_to_metric_families
from redis.backoff import NoBackoff
from redis.retry import Retry

from fleet.alerts import incidents
from fleet.alerts.evaluate import evaluate
from fleet.alerts.rules import Rule, RuleBook
from fleet.alerts.scrape import page
from fleet.store import keys
from fleet.store.scripts import script

CELL = "large"
NOW = 3_000_000_000.0
WORKERS = 1_000


def populate(store: redis.Redis) -> None:
    prefix = keys.prefix(CELL)
    store.delete(*(store.keys(f"{prefix}*") or ["nothing"]))
    pipe = store.pipeline(transaction=False)
    for number in range(WORKERS):
        worker = f"w{number:04}"
        pipe.zadd(prefix + "workers", {worker: NOW})
        record = {"pool": f"p{number % 10}", "agent_type": "code_generator", "slots": 10, "status": "idle"}
        pipe.hset(f"{prefix}worker:{worker}", mapping=record)
        if number % 10:
            pipe.sadd(f"{prefix}running:{worker}", *[f"t{number}-{slot}" for slot in range(number % 10)])
    writes = [
        ["observe", 3.0, "", "ai_task_duration_seconds", f"type{t}", f"p{p}"] for t in range(20) for p in range(10)
    ]
    pipe.execute()
    script("telemetry/record.lua")(store, [prefix], [json.dumps(writes)])


def test_one_page_shows_every_worker_once(store: redis.Redis) -> None:
    populate(store)
    text = page(store, CELL, NOW)[0].decode()
    shown = {family.name: family.samples for family in text_string_to_metric_families(text)}
    loads = {one.labels["agent_id"]: one.value for one in shown["ai_agent_load"]}
    assert len(loads) == WORKERS
    assert loads["w0007"] == 0.7
    assert sum(one.value for one in shown["ai_agents_total"]) == WORKERS
    assert sum(1 for one in shown["ai_task_duration_seconds"] if one.name.endswith("_count")) == 200
    store.zrem(keys.prefix(CELL) + "workers", "w0007")
    assert "w0007" not in page(store, CELL, NOW)[0].decode()


def test_a_thousand_rules_over_a_thousand_series(store: redis.Redis) -> None:
    populate(store)
    rules = {}
    for number in range(1_000):
        expr = f"ai_agent_load * {number % 7 + 1} > {number / 100:g}"
        rules[f"rule{number}"] = Rule.model_validate({"name": f"rule{number}", "expr": expr, "for": "1m", "by": ()})
    book = RuleBook(rules=rules)
    looked = evaluate(store, CELL, book, NOW)
    assert looked.blind == {}
    evaluate(store, CELL, book, NOW + 60)
    found = incidents.read(store, CELL).incidents
    expected = {f"rule{n}" for n in range(1_000) if 0.9 * (n % 7 + 1) > n / 100}
    assert {key for key, incident in found.items() if incident.status == "firing"} == expected


def test_a_thousand_windowed_rules_over_a_thousand_series(store: redis.Redis) -> None:
    prefix = keys.prefix(CELL)
    store.delete(*(store.keys(f"{prefix}*") or ["nothing"]))
    rules = {}
    for number in range(1_000):
        expr = f"increase(fleet_tasks_finished_total[{1 + number % 5}m]) > {number % 100}"
        rules[f"rule{number}"] = Rule.model_validate({"name": f"rule{number}", "expr": expr, "by": ()})
    writes = [["count", 10, "", "fleet_tasks_finished_total", f"t{t}", f"p{p}", "done"] for t in range(100) for p in range(10)]
    for minute in range(5):
        script("telemetry/record.lua")(store, [prefix], [json.dumps(writes)])
        evaluate(store, CELL, RuleBook(rules=rules), NOW + 60 * minute)
    found = incidents.read(store, CELL).incidents
    grown = {minutes: 10 * min(minutes, 4) for minutes in range(1, 6)}
    expected = {f"rule{n}" for n in range(1_000) if grown[1 + n % 5] > n % 100}
    assert {key for key, incident in found.items() if incident.status == "firing"} == expected
    assert all(len(incident.members) == 50 for incident in found.values() if incident.status == "firing")


def test_a_page_without_a_store_says_so() -> None:
    nobody = redis.Redis(port=9, socket_connect_timeout=1, decode_responses=True, retry=Retry(NoBackoff(), 0))
    text = page(nobody, CELL, NOW)[0]
    assert b"fleet_broker_up 0.0" in text
    assert b"ai_agent_load{" not in text
