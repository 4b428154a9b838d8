"""How many held tasks wait for somebody who is not there?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from fleet.alerts.sources import Source
from fleet.dispatcher import stranded
from fleet.store.client import Client
from fleet.telemetry.metric import Sample, sample


def read(client: Client, cell: str, now: float) -> Iterable[Sample]:
    """Yield held tasks that no pool takes, by task type and by what is missing."""
    counts = Counter[tuple[str, str]]()
    for row in stranded.read(client, cell, now):
        counts[row.task_type, row.why] += row.held
    for (kind, missing), count in counts.items():
        yield sample("fleet_stranded_tasks", float(count), task_type=kind, missing=missing)


SOURCE = Source("stranded", ("fleet_stranded_tasks",), read)
