"""Does a scrape show exactly what was counted and read, once?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from fleet.telemetry.exposition import OPENMETRICS, TEXT, render
from fleet.telemetry.metric import sample
from fleet.telemetry.metrics import BY_NAME
from fleet.telemetry.series import decode, samples

WAIT = BY_NAME["fleet_task_wait_seconds"]


def test_counters_and_histograms_come_out_as_prometheus_expects() -> None:
    fields = {
        "fleet_decisions_total|late_binding|fast": "7",
        "fleet_task_wait_seconds|code|7": "2",
        "fleet_task_wait_seconds|code|15": "1",
        "fleet_task_wait_seconds|code|sum": "5006.5",
        "fleet_task_wait_seconds|code|x7": "4bf92f3577b34da6a3ce929d0e0e4736 3.25 1700000000",
    }
    page, kind = render(
        fields, [sample("ai_agent_load", 0.5, agent_id="w1")], "application/openmetrics-text; version=1.0.0"
    )
    assert kind == OPENMETRICS
    shown = {family.name: family for family in parse_openmetrics(page.decode())}
    assert shown["fleet_decisions"].samples[0].value == 7
    buckets = [one for one in shown["fleet_task_wait_seconds"].samples if one.name.endswith("_bucket")]
    assert [one.value for one in buckets if one.labels["le"] in ("2.5", "5.0", "+Inf")] == [0, 2, 3]
    exemplar = next(one.exemplar for one in buckets if one.labels["le"] == "5.0")
    assert exemplar.labels == {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"}
    assert exemplar.value == 3.25
    assert shown["ai_agent_load"].samples[0].labels == {"agent_id": "w1"}


def test_the_text_format_is_the_default() -> None:
    page, kind = render({}, [sample("ai_agents_total", 3, type="code", status="idle")])
    assert kind == TEXT
    assert any(one.value == 3 for family in parse_text(page.decode()) for one in family.samples)


def test_a_worker_that_left_has_left_the_page() -> None:
    def read(*workers: str) -> str:
        return render({}, [sample("ai_agent_load", 1, agent_id=worker) for worker in workers])[0].decode()

    assert 'agent_id="w2"' in read("w1", "w2")
    assert 'agent_id="w2"' not in read("w1")


def test_undeclared_fields_are_reported_and_not_exported() -> None:
    counted = decode(
        {"nobody_total|x": "1", "fleet_decisions_total|only-one-label": "1", "fleet_task_wait_seconds|c|99": "1"}
    )
    assert sorted(counted.undeclared) == [
        "fleet_decisions_total|only-one-label",
        "fleet_task_wait_seconds|c|99",
        "nobody_total|x",
    ]
    assert b"nobody_total" not in render({"nobody_total|x": "1"}, [])[0]


@given(st.lists(st.integers(0, 50), min_size=len(WAIT.buckets) + 1, max_size=len(WAIT.buckets) + 1))
def test_buckets_are_cumulative_and_end_in_the_count(counts: list[int]) -> None:
    fields = {f"fleet_task_wait_seconds|code|{number}": str(count) for number, count in enumerate(counts, 1)}
    values = [one.value for one in samples(decode(fields)) if one.name.endswith("_bucket")]
    assert values == sorted(values)
    assert values[-1] == sum(counts)
    assert [one.value for one in samples(decode(fields)) if one.name.endswith("_count")] == [sum(counts)]
