"""What is a metric?

Values only. A label is bounded by construction: either its values are listed here, or they are names the catalogue
declares (pools, task types, budgets...). Task ids, tenants' free text and error messages are never labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Feed(StrEnum):
    """Where a metric's numbers come from."""

    COUNTED = "counted"  # fields of one Redis hash, incremented inside the script that makes the fact true
    DERIVED = "derived"  # read from the fleet's own state whenever somebody asks


@dataclass(frozen=True, slots=True)
class Label:
    """A label and what bounds its values: a closed set, or a kind of name declared elsewhere (`pool`...)."""

    name: str
    values: tuple[str, ...] = ()
    bound: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the metrics table."""

    name: str
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()
    feed: Feed = Feed.DERIVED
    buckets: tuple[float, ...] = ()

    @property
    def label_names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.labels)

    @property
    def series_names(self) -> tuple[str, ...]:
        """Names under which a scrape shows this metric."""
        if self.kind is Kind.HISTOGRAM:
            return (f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count")
        return (self.name,)


@dataclass(frozen=True, slots=True)
class Sample:
    """One number of one series, as a scrape or a rule sees it."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float
    trace_id: str = ""


def sample(name: str, value: float, **labels: str) -> Sample:
    """Return a sample whose labels are sorted, so that equal series compare equal."""
    return Sample(name, tuple(sorted(labels.items())), value)
