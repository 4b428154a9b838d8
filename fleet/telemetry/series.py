"""How do counted numbers become samples?

The scripts write compact hash fields (`name|v1|v2|bucket`); this file reads them back, checked against the metrics
table: a field nobody declared is a bug and is reported, not exported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fleet.telemetry.metric import Kind, Metric, Sample
from fleet.telemetry.metrics import BY_NAME


@dataclass(frozen=True, slots=True)
class Exemplar:
    trace_id: str
    value: float
    at: float


@dataclass(slots=True)
class Distribution:
    """One histogram series: counts per bucket (not cumulative; the last is +Inf), sum, and exemplars by bucket."""

    counts: list[int]
    sum: float = 0.0
    exemplars: dict[int, Exemplar] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(self.counts)


@dataclass(slots=True)
class Counted:
    """Everything the scripts have counted so far."""

    counters: dict[tuple[Metric, tuple[str, ...]], float] = field(default_factory=dict)
    histograms: dict[tuple[Metric, tuple[str, ...]], Distribution] = field(default_factory=dict)
    undeclared: list[str] = field(default_factory=list)


def decode(fields: Mapping[str, str]) -> Counted:
    """Read the metrics hash; every field lands in exactly one place."""
    counted = Counted()
    for name, value in fields.items():
        parts = name.split("|")
        metric = BY_NAME.get(parts[0])
        if metric is None or len(parts) - 1 != len(metric.labels) + (metric.kind is Kind.HISTOGRAM):
            counted.undeclared.append(name)
        elif metric.kind is Kind.COUNTER:
            counted.counters[metric, tuple(parts[1:])] = float(value)
        elif metric.kind is Kind.HISTOGRAM:
            _put(counted, metric, tuple(parts[1:-1]), parts[-1], value, name)
        else:
            counted.undeclared.append(name)
    return counted


def _put(counted: Counted, metric: Metric, labels: tuple[str, ...], part: str, value: str, name: str) -> None:
    key = (metric, labels)
    if key not in counted.histograms:
        counted.histograms[key] = Distribution([0] * (len(metric.buckets) + 1))
    series = counted.histograms[key]
    if part == "sum":
        series.sum = float(value)
        return
    is_exemplar = part.startswith("x")
    number = part[1:] if is_exemplar else part
    if not number.isdigit() or not 1 <= int(number) <= len(series.counts):
        counted.undeclared.append(name)
    elif is_exemplar:
        trace_id, seen, at = value.split(" ")
        series.exemplars[int(number) - 1] = Exemplar(trace_id, float(seen), float(at))
    else:
        series.counts[int(number) - 1] = int(value)


def samples(counted: Counted) -> Iterable[Sample]:
    """Yield counters and cumulative histogram series as a scrape would show them."""
    for (metric, values), value in counted.counters.items():
        yield Sample(metric.name, _labels(metric, values), value)
    for (metric, values), series in counted.histograms.items():
        labels = _labels(metric, values)
        below = 0
        for bound, count in zip((*metric.buckets, float("inf")), series.counts, strict=True):
            below += count
            yield Sample(f"{metric.name}_bucket", tuple(sorted((*labels, ("le", bound_text(bound))))), float(below))
        yield Sample(f"{metric.name}_sum", labels, series.sum)
        yield Sample(f"{metric.name}_count", labels, float(below))


def _labels(metric: Metric, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(zip(metric.label_names, values, strict=True)))


def bound_text(bound: float) -> str:
    """Return the `le` value of a bucket bound, spelled as prometheus_client spells it."""
    return "+Inf" if bound == float("inf") else repr(float(bound))
