"""Is everything counted once, from however many threads, processes and hosts, in bounded space?"""

from __future__ import annotations

import json
import multiprocessing
from bisect import bisect_left
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from fleet.store.scripts import script
from fleet.telemetry.metrics import BY_NAME
from fleet.telemetry.series import decode, samples

PREFIX = "fleet:{counting}:"
COUNT = ["count", 1, "", "fleet_tasks_finished_total", "code_generation", "fast", "done"]
OBSERVE = ["observe", 2.0, "", "fleet_task_wait_seconds", "code_generation"]


@pytest.fixture
def cell(store: redis.Redis) -> redis.Redis:
    store.delete(PREFIX + "metrics")
    return store


def record(client: redis.Redis, *writes: list[object]) -> None:
    script("telemetry/record.lua")(client, [PREFIX], [json.dumps(writes)])


def values(client: redis.Redis) -> dict[str, float]:
    return {one.name: one.value for one in samples(decode(client.hgetall(PREFIX + "metrics")))}  # type: ignore[arg-type]


def _in_a_process(arguments: dict[str, object], times: int) -> None:
    client = redis.Redis(decode_responses=True, **arguments)  # type: ignore[arg-type]
    for _ in range(times):
        record(client, COUNT, OBSERVE)


def test_threads_and_processes_count_exactly(cell: redis.Redis) -> None:
    options = cell.connection_pool.connection_kwargs
    names = ("path",) if "path" in options else ("host", "port", "password", "db")
    arguments = {("unix_socket_path" if name == "path" else name): options.get(name) for name in names}
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=_in_a_process, args=(arguments, 100)) for _ in range(2)]
    for child in children:
        child.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: record(cell, COUNT, OBSERVE), range(200)))
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    found = values(cell)
    assert found["fleet_tasks_finished_total"] == 400
    assert found["fleet_task_wait_seconds_count"] == 400
    assert found["fleet_task_wait_seconds_sum"] == 800


def test_bounds_of_buckets_are_inclusive_and_bad_numbers_are_harmless(cell: redis.Redis) -> None:
    record(
        cell,
        ["observe", 0.05, "", "fleet_task_wait_seconds", "code_generation"],
        ["observe", -3, "", "fleet_task_wait_seconds", "code_generation"],
        ["observe", 1e12, "", "fleet_task_wait_seconds", "code_generation"],
        ["count", -1, "", "fleet_fenced_total", "claim"],
        ["observe", 1, "", "nobody_declared_this", "x"],
    )
    buckets = {
        dict(one.labels)["le"]: one.value
        for one in samples(decode(cell.hgetall(PREFIX + "metrics")))  # type: ignore[arg-type]
        if one.name.endswith("_bucket")
    }
    assert (buckets["0.05"], buckets["3600.0"], buckets["+Inf"]) == (2, 2, 3)
    assert "fleet_fenced_total" not in values(cell)


def test_exemplars_keep_the_latest_trace(cell: redis.Redis) -> None:
    record(cell, [*OBSERVE[:2], "trace-a", *OBSERVE[3:]], [*OBSERVE[:2], "trace-b", *OBSERVE[3:]])
    (series,) = decode(cell.hgetall(PREFIX + "metrics")).histograms.values()  # type: ignore[arg-type]
    assert [(exemplar.trace_id, exemplar.value) for exemplar in series.exemplars.values()] == [("trace-b", 2.0)]


def test_labels_cannot_forge_fields_or_fill_the_store(cell: redis.Redis) -> None:
    record(cell, ["count", 1, "", "fleet_fenced_total", "a|b"], ["count", 1, "", "fleet_fenced_total", ""])
    fields = cell.hgetall(PREFIX + "metrics")
    assert set(fields) == {"fleet_fenced_total|a_b", "fleet_fenced_total|unknown"}  # type: ignore[arg-type]
    filler = {f"fleet_fenced_total|{number}": 1 for number in range(50_000)}
    cell.hset(PREFIX + "metrics", mapping=filler)  # type: ignore[arg-type]
    before = cell.hlen(PREFIX + "metrics")
    record(cell, *[["count", 1, "", "fleet_ejections_total", f"pool{number}"] for number in range(20)], COUNT, OBSERVE)
    assert cell.hlen(PREFIX + "metrics") == before + 1  # type: ignore[operator]
    assert cell.hget(PREFIX + "metrics", "fleet_metrics_dropped_total") == "22"
    record(cell, ["count", 1, "", "fleet_fenced_total", "7"])
    assert cell.hget(PREFIX + "metrics", "fleet_fenced_total|7") == "2", "known series go on"


def test_times_sorted_into_buckets_beforehand_add_up_to_the_same(cell: redis.Redis) -> None:
    bounds = BY_NAME["fleet_task_wait_seconds"].buckets
    seen = [0.05, 0.2, 0.2, 4000.0]
    for value in seen:
        record(cell, ["observe", value, "", "fleet_task_wait_seconds", "singly"])
    counts = [sum(bisect_left(bounds, value) == number for value in seen) for number in range(len(bounds) + 1)]
    for _ in range(2):
        record(cell, ["many", [*counts, sum(seen)], "", "fleet_task_wait_seconds", "all at once"])
    record(cell, ["many", [1, 2], "", "fleet_task_wait_seconds", "as of other buckets"], ["many", [1], "", "nobody_declared_this", "x"])
    together, singly = sorted(decode(cell.hgetall(PREFIX + "metrics")).histograms.items(), key=lambda item: item[0][1])  # type: ignore[arg-type]
    assert together[1].counts == [2 * count for count in singly[1].counts]
    assert together[1].sum == pytest.approx(2 * singly[1].sum)
