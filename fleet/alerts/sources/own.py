"""How are the alerts themselves: open incidents, the outbox, actions in force?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import cast

from fleet.alerts import incidents
from fleet.alerts.actions import register
from fleet.alerts.sources import Source
from fleet.store import keys
from fleet.store.client import Client, available
from fleet.telemetry.metric import Sample, sample


def read(client: Client, cell: str, now: float) -> Iterable[Sample]:
    """Yield what the alert package left in the store."""
    prefix = keys.prefix(cell)
    with available():
        pipeline = client.pipeline(transaction=False)
        pipeline.zrange(prefix + "outbox", 0, -1)
        pipeline.llen(prefix + "outbox_dead")
        pipeline.hget(prefix + "emergency", "until")
        lanes, dead, until = cast("tuple[list[str], int, str | None]", tuple(pipeline.execute()))
        for lane in lanes:
            pipeline.llen(f"{prefix}outbox:{lane}")
        waiting = cast("list[int]", pipeline.execute()) if lanes else []
    found = incidents.read(client, cell).incidents.values()
    counted = Counter((incident.severity, incident.status) for incident in found if incident.status != "resolved")
    for (severity, status), count in counted.items():
        yield sample("fleet_incidents", count, severity=severity, status=status)
    yield sample("fleet_notifications_waiting", float(sum(waiting)))
    yield sample("fleet_notifications_dead", float(dead))
    active = register.active(client, cell)
    for name, count in Counter(action.name for action in active if action.until > now).items():
        yield sample("fleet_actions_active", count, action=name)
    yield sample("fleet_emergency_mode", float(until is not None and float(until) > now))


SOURCE = Source(
    "alerts",
    (
        "fleet_incidents",
        "fleet_notifications_waiting",
        "fleet_notifications_dead",
        "fleet_actions_active",
        "fleet_emergency_mode",
    ),
    read,
)
