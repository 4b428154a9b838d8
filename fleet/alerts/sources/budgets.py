"""How full are the budgets?"""

from __future__ import annotations

from collections.abc import Iterable

from fleet.alerts.sources import Source
from fleet.costs import budget_store
from fleet.store.client import Client
from fleet.telemetry.metric import Sample, sample

_MICRO = 1e6


def read(client: Client, cell: str, now: float) -> Iterable[Sample]:
    """Yield limit, reserved money and fill of every budget's current windows."""
    del now
    for fill in budget_store.show(client, cell):
        labels = {"budget": fill.budget, "period": str(fill.window)}
        yield sample("fleet_budget_limit_usd", fill.limit / _MICRO, **labels)
        yield sample("fleet_budget_reserved_usd", fill.reserved / _MICRO, **labels)
        yield sample("fleet_budget_spent_ratio", fill.percent / 100, **labels)


SOURCE = Source("budgets", ("fleet_budget_limit_usd", "fleet_budget_reserved_usd", "fleet_budget_spent_ratio"), read)
