"""What are the fleet's numbers right now?

Counted series from one hash, derived ones from each source. A source that fails hides its own metrics and nobody
else's: what is hidden is named, and becomes a number itself. Rules and scrapes both read from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from fleet.alerts.sources import Source, broker, budgets, jobs, own, secrets, stranded, targets, tasks, workers
from fleet.alerts.windows import Moment, Vector
from fleet.errors import FleetError, StoreUnavailable
from fleet.store import keys
from fleet.store.client import Client, available
from fleet.telemetry import logs
from fleet.telemetry.events import Event
from fleet.telemetry.metric import Sample, sample
from fleet.telemetry.series import decode, samples

SOURCES: Final[tuple[Source, ...]] = (
    broker.SOURCE,
    workers.SOURCE,
    tasks.SOURCE,
    stranded.SOURCE,
    targets.SOURCE,
    budgets.SOURCE,
    jobs.SOURCE,
    secrets.SOURCE,
    own.SOURCE,
)
_log = logs.get("alerts")


@dataclass(frozen=True, slots=True)
class Signals:
    """The numbers, and which metrics could not be read for what reason."""

    at: float
    fields: Mapping[str, str]
    """The counted hash as it stands, for exposition."""
    derived: tuple[Sample, ...]
    hidden: Mapping[str, str]

    def moment(self, names: Iterable[str] = ()) -> Moment:
        """Return all samples by name; `names` are present even when they have no series."""
        series: dict[str, Vector] = {name: {} for name in names if name not in self.hidden}
        for one in samples(decode(self.fields)):
            series.setdefault(one.name, {})[one.labels] = one.value
        for one in self.derived:
            series.setdefault(one.name, {})[one.labels] = one.value
        return Moment(self.at, series)


def gather(client: Client, cell: str, now: float, sources: Sequence[Source] = SOURCES) -> Signals:
    """Read everything; raises `StoreUnavailable` only when the counted hash itself cannot be read."""
    with available():
        fields = cast("dict[str, str]", client.hgetall(keys.prefix(cell) + "metrics"))
    derived: list[Sample] = []
    hidden: dict[str, str] = {}
    for source in sources:
        try:
            derived += source.read(client, cell, now)
        except StoreUnavailable:
            raise
        except (FleetError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = f"source {source.name} failed: {type(error).__name__}: {error}"
            hidden.update(dict.fromkeys(source.provides, reason))
            _log.error(Event.SIGNAL_MISSING, source=source.name, reason=reason, next_step="fleet doctor")
    derived.append(sample("fleet_alerts_blind", float(bool(hidden)), source="state"))
    return Signals(now, fields, tuple(derived), hidden)
