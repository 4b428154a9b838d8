"""How long ago was each secret rotated? As the secrets job found it last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from fleet.alerts.sources import Source
from fleet.store import keys
from fleet.store.client import Client, available
from fleet.telemetry.metric import Sample, sample

DAY = 86_400.0


def read(client: Client, cell: str, now: float) -> Iterable[Sample]:
    """Yield each secret's age in days."""
    with available():
        rows = cast("dict[str, str]", client.hgetall(keys.secret_ages(cell)))
    for path, written in rows.items():
        yield sample("fleet_secret_age_days", max(0.0, now - float(written)) / DAY, secret=path)


SOURCE = Source("secrets", ("fleet_secret_age_days",), read)
