"""How does a Prometheus scrape look?

A prometheus_client collector over two sources: the counted hash and the derived samples. It holds nothing between
scrapes: what left the fleet leaves the page, whatever process, thread or host counted it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

import prometheus_client.openmetrics.exposition as openmetrics
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import Exemplar as PrometheusExemplar
from prometheus_client.core import Metric as PrometheusMetric
from prometheus_client.registry import Collector

from fleet.telemetry.metric import Feed, Kind, Metric, Sample
from fleet.telemetry.metrics import TABLE
from fleet.telemetry.series import Counted, Distribution, bound_text, decode

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = openmetrics.CONTENT_TYPE_LATEST


class FleetCollector(Collector):
    """Reads the fleet's numbers at scrape time."""

    def __init__(self, counted: Callable[[], Mapping[str, str]], derived: Callable[[], Iterable[Sample]]) -> None:
        self._counted, self._derived = counted, derived

    def collect(self) -> Iterator[PrometheusMetric]:
        yield from families(decode(self._counted()), self._derived())

    def describe(self) -> Iterable[PrometheusMetric]:
        return ()


def families(counted: Counted, derived: Iterable[Sample]) -> Iterator[PrometheusMetric]:
    """Yield every metric of the table that has series now, in the table's order."""
    gauges: dict[str, list[Sample]] = defaultdict(list)
    for sample in derived:
        gauges[sample.name].append(sample)
    counters: dict[Metric, list[tuple[tuple[str, ...], float]]] = defaultdict(list)
    for (metric, values), value in counted.counters.items():
        counters[metric].append((values, value))
    histograms: dict[Metric, list[tuple[tuple[str, ...], Distribution]]] = defaultdict(list)
    for (metric, values), series in counted.histograms.items():
        histograms[metric].append((values, series))
    for metric in TABLE:
        if metric.kind is Kind.COUNTER:
            counter = CounterMetricFamily(metric.name, metric.help, labels=metric.label_names)
            for values, value in counters[metric]:
                counter.add_metric(values, value)
            yield counter
        elif metric.kind is Kind.HISTOGRAM:
            yield _histogram(metric, histograms[metric])
        elif metric.feed is Feed.DERIVED:
            gauge = GaugeMetricFamily(metric.name, metric.help, labels=metric.label_names)
            for sample in gauges[metric.name]:
                labels = dict(sample.labels)
                gauge.add_metric([labels.get(name, "") for name in metric.label_names], sample.value)
            yield gauge


def _histogram(metric: Metric, rows: list[tuple[tuple[str, ...], Distribution]]) -> PrometheusMetric:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.label_names)
    for values, series in rows:
        below = 0
        buckets: list[tuple[str, float] | tuple[str, float, PrometheusExemplar]] = []
        for number, (bound, count) in enumerate(zip((*metric.buckets, float("inf")), series.counts, strict=True)):
            below += count
            seen = series.exemplars.get(number)
            if seen is None:
                buckets.append((bound_text(bound), float(below)))
            else:
                exemplar = PrometheusExemplar({"trace_id": seen.trace_id}, seen.value, seen.at)
                buckets.append((bound_text(bound), float(below), exemplar))
        family.add_metric(values, buckets, series.sum)
    return family


def render(counted: Mapping[str, str], derived: Iterable[Sample], accept: str = "") -> tuple[bytes, str]:
    """Return the page and its content type: OpenMetrics with exemplars where accepted, else the text format."""
    registry = CollectorRegistry(auto_describe=False)
    samples = list(derived)
    registry.register(FleetCollector(lambda: counted, lambda: samples))
    if "application/openmetrics-text" in accept:
        return openmetrics.generate_latest(registry), OPENMETRICS  # type: ignore[no-untyped-call]
    return generate_latest(registry), TEXT
