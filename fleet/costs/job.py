"""What does the cost job do every hour (and when a threshold fired)?

gather: move hot entries to the durable ledger, give back leaked reservations, read both. decide: analyse. apply: leave
the analysis for reports, alerts and scaling, and forget what retention no longer keeps.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from fleet.costs.analysis import Analysis, analyse
from fleet.costs.budget_store import Fill, declared, nearly_spent, show
from fleet.costs.budgets import Level, Window
from fleet.costs.controls import controls
from fleet.costs.durable import DurableLedger
from fleet.costs.ledger import roll_up
from fleet.costs.reservations import sweep
from fleet.costs.trends import DAY_MS
from fleet.settings import CostSettings
from fleet.store import keys
from fleet.store.client import Client, available

ANALYSED_DAYS = 62


@dataclass(frozen=True, slots=True)
class CostReport:
    """The analysis and the budgets as they stood at the same moment."""

    analysis: Analysis
    budgets: tuple[Fill, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            **self.analysis.as_dict(),
            "budgets": [fill.as_dict() for fill in self.budgets],
            "nearly_spent": [f"{fill.budget} ({fill.window})" for fill in nearly_spent(self.budgets)],
        }


@dataclass(frozen=True, slots=True)
class JobRun:
    """What one run of the job did."""

    moved: int
    swept: tuple[str, ...]
    forgotten: int
    report: CostReport


def is_due(client: Client, cell: str, settings: CostSettings) -> bool:
    """Say whether the last report is an interval old, or a threshold fired since."""
    report = last_report(client, cell)
    if report is None:
        return True
    with available():
        seconds, _ = client.time()
    last = datetime.fromisoformat(report["at"]).timestamp()
    return seconds - last >= settings.interval_seconds or _last_event(client, cell) != report["last_event"]


def run(client: Client, cell: str, durable: DurableLedger, settings: CostSettings) -> JobRun:
    """Run the job once; running it twice at once does no harm."""
    event = _last_event(client, cell)
    moved = roll_up(client, cell, durable)
    swept = sweep(client, cell)
    report = current_report(client, cell, durable)
    with available():
        client.set(f"{keys.prefix(cell)}cost_report", json.dumps({**report.as_dict(), "last_event": event}))
    forgotten = durable.forget(report.analysis.at - settings.ledger_days * DAY_MS)
    return JobRun(moved, tuple(swept), forgotten, report)


def current_report(client: Client, cell: str, durable: DurableLedger) -> CostReport:
    """Analyse the durable ledger as it stands; call `roll_up` first to include the last minutes."""
    with available():
        seconds, _ = client.time()
    now_ms = seconds * 1000
    entries = durable.columns(since=now_ms - ANALYSED_DAYS * DAY_MS)
    analysis = analyse(entries, now_ms, month_limit=month_limit(client, cell), rules=controls(client, cell).downgrade)
    return CostReport(analysis, tuple(show(client, cell)))


def last_report(client: Client, cell: str) -> dict[str, Any] | None:
    """Return the report the job left, as plain data."""
    with available():
        text = cast("str | None", client.get(f"{keys.prefix(cell)}cost_report"))
    return None if text is None else cast("dict[str, Any]", json.loads(text))


def _last_event(client: Client, cell: str) -> str:
    with available():
        newest = cast("list[tuple[str, dict[str, str]]]", client.xrevrange(f"{keys.prefix(cell)}cost_events", count=1))
    return newest[0][0] if newest else ""


def month_limit(client: Client, cell: str) -> int | None:
    """Return what the organisations may spend this month together; None when no budget says so."""
    limits = [
        budget.limits[Window.MONTH]
        for budget, _ in declared(client, cell).values()
        if budget.level is Level.ORGANISATION and Window.MONTH in budget.limits
    ]
    return sum(limits) if limits else None
