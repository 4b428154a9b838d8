"""How do people see, set and raise budgets?"""

from __future__ import annotations

from typing import Any

import click

from fleet.cli.answer import answer, json_option
from fleet.cli.cost import audited


@click.group("budget")
def group() -> None:
    """Budgets: organisation, team, task; by hour, day, month and per task."""


@group.command("show")
@json_option
def show_(as_json: bool) -> None:
    """Every budget, and how full its running windows are."""
    from fleet.costs.budget_store import declared, show
    from fleet.costs.report import budget_lines
    from fleet.settings import current
    from fleet.store.client import connect

    client, cell = connect(), current().cell
    budgets, fills = declared(client, cell), show(client, cell)
    document = {
        "budgets": [{**budget.as_dict(), "declared_by": origin} for budget, origin in budgets.values()],
        "windows": [fill.as_dict() for fill in fills],
    }
    answer(document, as_json, budget_lines(fills) if budgets else "no budget is declared: `fleet budget set`")


@group.command("set")
@click.argument("name")
@click.option("--level", type=click.Choice(["organisation", "team", "task"]))
@click.option("--parent", help="The budget above it.")
@click.option("--tenant", "tenants", multiple=True, help="A tenant it guards; none: every one.")
@click.option("--task-type", "task_types", multiple=True, help="A task type it guards; none: every one.")
@click.option("--hour", help="USD per hour.")
@click.option("--day", help="USD per day.")
@click.option("--month", help="USD per month.")
@click.option("--task", help="USD per task.")
@click.option("--policy", type=click.Choice(["refuse", "defer", "pause", "downgrade"]))
@click.option("--downgrade-at", type=int, help="Percent from which cheaper models stand in.")
@json_option
def set_(name: str, as_json: bool, **given: Any) -> None:
    """Declare or change a budget; it counts from the next submit on. What is left out stays as it is."""
    from fleet.costs.budget_store import declared, set_budget
    from fleet.costs.money import usd
    from fleet.settings import current
    from fleet.store.client import connect

    client, cell = connect(), current().cell
    limits = {window: given.pop(window) for window in ("hour", "day", "month", "task")}
    row: dict[str, Any] = {key: value for key, value in given.items() if value not in (None, ())}
    row |= {key: list(row[key]) for key in ("tenants", "task_types") if key in row}
    before = declared(client, cell).get(name)
    kept = {window.value: str(usd(limit)) for window, limit in before[0].limits.items()} if before else {}
    row["limits_usd"] = kept | {window: limit for window, limit in limits.items() if limit is not None}
    budget = set_budget(client, cell, {"name": name, **row}, audited)
    answer(budget.as_dict(), as_json, f"budget {name!r} is in force: {budget.as_dict()}")


@group.command("drop")
@click.argument("name")
@json_option
def drop(name: str, as_json: bool) -> None:
    """Take a budget out of force."""
    from fleet.costs.budget_store import drop_budget
    from fleet.settings import current
    from fleet.store.client import connect

    drop_budget(connect(), current().cell, name, audited)
    answer({"dropped": name}, as_json, f"budget {name!r} is out of force")


@group.command("grant")
@click.argument("name")
@click.argument("amount")
@click.option("--window", type=click.Choice(["hour", "day", "month", "task"]), default="day", show_default=True)
@click.option("--task", default="", help="The task, when its own cap is raised.")
@click.option("--take-back", is_flag=True, help="Take the amount back instead.")
@json_option
def grant_(name: str, amount: str, window: str, task: str, take_back: bool, as_json: bool) -> None:
    """Give the running window of a budget AMOUNT more USD; paused tasks resume."""
    from fleet.costs.budget_store import grant
    from fleet.costs.budgets import Window
    from fleet.costs.money import micros, usd, written
    from fleet.settings import current
    from fleet.store.client import connect

    given = micros(amount) * (-1 if take_back else 1)
    granted = grant(connect(), current().cell, name, Window(window), given, audited, task=task)
    document = {"budget": name, "window": window, "task": task, "granted_usd": str(usd(granted))}
    answer(document, as_json, f"budget {name!r} has {written(granted)} more for this {window}")


@group.command("history")
@click.argument("name")
@json_option
def history_(name: str, as_json: bool) -> None:
    """Every window of a budget that is still remembered."""
    from fleet.costs.budget_store import history
    from fleet.costs.report import budget_lines
    from fleet.settings import current
    from fleet.store.client import connect

    fills = history(connect(), current().cell, name)
    answer([fill.as_dict() for fill in fills], as_json, budget_lines(fills) or "nothing was spent yet")
