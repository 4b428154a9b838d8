"""What had been spent when Redis was lost?

A Redis without the marker is a new one. Before anything newer is rolled up into the durable ledger, the running windows
of every budget get back what the ledger holds for them, so that a lost Redis is not a second budget.
"""

from __future__ import annotations

from typing import cast

from fleet.costs.budget_store import declared, running_windows
from fleet.costs.budgets import guarding
from fleet.costs.durable import DurableLedger
from fleet.store import keys
from fleet.store.client import Client, available
from fleet.store.scripts import script


def restore(client: Client, cell: str, durable: DurableLedger) -> bool:
    """Restore once per Redis; returns whether it had to. Calls are counted in the window they were recorded in."""
    with available():
        if client.hexists(f"{keys.prefix(cell)}controls", "restored"):
            return False
    arguments = [part for pair in spent_by_window(client, cell, durable) for part in pair]
    return bool(cast(int, script("costs/restore.lua")(client, [keys.prefix(cell)], arguments)))


def spent_by_window(client: Client, cell: str, durable: DurableLedger) -> list[tuple[str, int]]:
    """Return what the durable ledger holds for each running window (`budget:window:start`), where that is anything."""
    budgets = [budget for budget, _ in declared(client, cell).values()]
    found = []
    for budget, window, start, began in running_windows(client, cell):
        spent = sum(
            micros
            for (tenant, task_type), micros in durable.spent_since(began).items()
            if budget in guarding(budgets, tenant, task_type)
        )
        if spent:
            found.append((f"{budget.name}:{window.value}:{start}", spent))
    return found
