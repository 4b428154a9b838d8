"""How are numbers counted from Python?

For facts that become true outside a script (a paid call answered, a target published). One round trip for many; names
and labels are checked against the metrics table here, because a misspelt one would silently count nothing.
"""

from __future__ import annotations

import json

from fleet.errors import ConfigurationError, UnknownName
from fleet.store import keys
from fleet.store.client import Client
from fleet.store.scripts import script
from fleet.telemetry.metric import Kind
from fleet.telemetry.metrics import BY_NAME

Write = list[str | float]


def count(name: str, *labels: str, n: float = 1) -> Write:
    """Return the write that adds n to a counter."""
    return ["count", n, "", *_checked(name, labels, Kind.COUNTER)]


def observe(name: str, value: float, *labels: str, trace_id: str = "") -> Write:
    """Return the write that puts a value into a histogram."""
    return ["observe", value, trace_id, *_checked(name, labels, Kind.HISTOGRAM)]


def record(client: Client, cell: str, *writes: Write) -> None:
    """Make the writes, all in one step."""
    if writes:
        script("telemetry/record.lua")(client, [keys.prefix(cell)], [json.dumps(writes)])


def _checked(name: str, labels: tuple[str, ...], kind: Kind) -> tuple[str, ...]:
    metric = BY_NAME.get(name)
    if metric is None:
        raise UnknownName("metric", name, BY_NAME)
    if metric.kind is not kind or len(labels) != len(metric.labels):
        wanted = ", ".join(metric.label_names) or "no labels"
        raise ConfigurationError(f"{name} is a {metric.kind} with {wanted}; it was given {len(labels)} label values")
    return (name, *labels)
