"""Is every metric declared once, bounded, and called by its declared name everywhere?"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from fleet.telemetry import generate
from fleet.telemetry.metric import Feed, Kind
from fleet.telemetry.metrics import BY_NAME, TABLE, complexity_class

ROOT = Path(str(files("fleet"))).parent
PUBLISHED = {
    "ai_agents_total": ("type", "status"),
    "ai_agent_load": ("agent_id",),
    "ai_agent_requests_total": ("agent_type", "status", "endpoint"),
    "ai_agent_response_time_seconds": ("agent_type", "complexity"),
    "ai_agent_success_rate": ("agent_type",),
    "ai_agent_token_usage_total": ("agent_type", "model"),
    "ai_agent_queue_length": ("pool",),
}
_CALL = re.compile(r"(?<!function )metric_(count|observe)\(([^()]*(?:\([^()]*\)[^()]*)*)\)")


def test_names_are_unique_and_speak_the_two_dialects() -> None:
    assert len(BY_NAME) == len(TABLE)
    assert all(name.startswith(("ai_", "fleet_")) for name in BY_NAME)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_contract_keeps_its_labels(name: str) -> None:
    assert BY_NAME[name].label_names == PUBLISHED[name]


@pytest.mark.parametrize("metric", TABLE, ids=lambda metric: metric.name)
def test_every_label_is_bounded(metric: object) -> None:
    row = BY_NAME[metric.name]  # type: ignore[attr-defined]
    assert all(label.values or label.bound for label in row.labels)
    assert "task_id" not in row.label_names
    assert (row.kind is Kind.HISTOGRAM) == bool(row.buckets)
    assert row.buckets == tuple(sorted(row.buckets))
    assert row.kind is not Kind.COUNTER or row.name.endswith("_total")
    assert row.kind is Kind.GAUGE or row.feed is Feed.COUNTED


def test_generated_texts_are_current() -> None:
    assert generate.LUA.read_text() == generate.lua_with_buckets(generate.LUA.read_text()), (
        "run fleet.telemetry.generate"
    )
    assert generate.PAGE.read_text() == generate.page(), "run `python -m fleet.telemetry.generate`"


def test_every_count_in_the_scripts_names_a_declared_metric_with_all_its_labels() -> None:
    checked = 0
    for file in (ROOT / "fleet").rglob("*.lua"):
        if file.name in ("metrics.lua", "record.lua"):
            continue
        for verb, arguments in _CALL.findall(file.read_text()):
            parts = _split(arguments)
            name_at = 2 if verb == "count" else 3
            name = parts[name_at].strip("'\"")
            assert name in BY_NAME, f"{file.name}: {name} is not in the metrics table"
            metric = BY_NAME[name]
            assert len(parts) - name_at - 1 == len(metric.labels), f"{file.name}: {name} has {metric.label_names}"
            assert metric.kind is (Kind.COUNTER if verb == "count" else Kind.HISTOGRAM), f"{file.name}: {name}"
            checked += 1
    assert checked >= 2


def _split(arguments: str) -> list[str]:
    """Split at commas outside parentheses."""
    parts, depth, current = [], 0, ""
    for letter in arguments:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += letter
    return [*parts, current.strip()]


@pytest.mark.parametrize(
    ("value", "name"), [(0.0, "low"), (0.3, "low"), (0.31, "medium"), (0.7, "medium"), (1.0, "high")]
)
def test_complexity_has_the_borders_of_the_scoring(value: float, name: str) -> None:
    assert complexity_class(value) == name
