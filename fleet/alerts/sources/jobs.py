"""When did beat's jobs last run, and last succeed?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from fleet.alerts.sources import Source
from fleet.store import keys
from fleet.store.client import Client, available
from fleet.store.scripts import script
from fleet.telemetry.metric import Sample, sample


def note(client: Client, cell: str, job: str, *, ok: bool) -> None:
    """Remember and count that a job ran; every scheduled job calls it at its end."""
    script("alerts/sources/note_job.lua")(client, [keys.prefix(cell)], [job, "1" if ok else "0"])


def read(client: Client, cell: str, now: float) -> Iterable[Sample]:
    """Yield the age of each job's last success, and of the newest run of any."""
    with available():
        rows = cast("dict[str, str]", client.hgetall(keys.prefix(cell) + "jobs"))
    for name, at in rows.items():
        job, _, what = name.rpartition(":")
        if what == "succeeded":
            yield sample("fleet_job_age_seconds", max(0.0, now - float(at)), job=job)
    if rows:
        yield sample("fleet_beat_age_seconds", max(0.0, now - max(map(float, rows.values()))))


SOURCE = Source("jobs", ("fleet_job_age_seconds", "fleet_beat_age_seconds"), read)
