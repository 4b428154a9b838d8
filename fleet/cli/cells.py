"""How are the cells of a fleet looked at, emptied and opened again from a terminal?"""

from __future__ import annotations

import getpass
import time
from typing import Any

import click

from fleet.cli.answer import answer, json_option, table
from fleet.cli.progress import progress


@click.group("cells")
def group() -> None:
    """The cells of the fleet, each with a Redis of its own: list, where, drain, undrain."""


@group.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Show every cell: whether it answers and is drained, what it holds and runs."""
    from fleet.dispatcher.cells import standing

    rows = standing.every()
    heads = ("cell", "weight", "state", "workers", "slots", "in flight", "held", "waiting", "moving", "why")
    shown = [
        (r.name, f"{r.weight:g}", r.state, r.workers, r.slots, r.inflight, r.held, r.waiting, r.moving, r.why or "")
        for r in rows
    ]
    answer(rows, as_json, table(heads, shown))


@group.command()
@click.argument("tenant")
@click.option("--type", "task_type", help="Of this task type only: not every cell has a pool for each.")
@json_option
def where(tenant: str, task_type: str | None, as_json: bool) -> None:
    """Say which cell a tenant's tasks go to, and which would be next were it drained."""
    from fleet import catalogue
    from fleet.dispatcher.cells import routing, standing
    from fleet.errors import UnknownName

    types = catalogue.whole().task_types
    if task_type is not None and task_type not in types:
        raise UnknownName("task type", task_type, types)
    closed = {row.name for row in standing.every() if row.state == "drained"}
    document: dict[str, Any] = {}
    for name in [task_type] if task_type else types:
        cells = routing.choices(tenant, name)
        document[name] = {"cell": next((cell for cell in cells if cell not in closed), None), "preference": list(cells)}
    lines = [
        f"{name:24} {row['cell'] or 'nowhere: every cell is drained'}   ({' > '.join(row['preference'])})" for name, row in document.items()
    ]
    answer({"tenant": tenant, "task_types": document}, as_json, lines)


@group.command()
@click.argument("cell")
@click.option("--why", default="drained by an operator", show_default=True)
@click.option("--wait", "wait_seconds", type=click.FloatRange(min=0), default=0.0, help="Seconds to wait until nothing runs there.")
@json_option
def drain(cell: str, why: str, wait_seconds: float, as_json: bool) -> None:
    """Send a cell's tenants elsewhere and move what it holds; what runs there ends there. Safe to repeat."""
    from fleet.dispatcher.cells import draining, standing
    from fleet.secrets import audit
    from fleet.settings import in_cell

    draining.drain(cell, why, getpass.getuser())
    audit.record("cell.drain", cell)
    moved: dict[str, int] = {}
    until = time.monotonic() + wait_seconds
    with progress(f"draining {cell}", as_json=as_json) as steps:
        while True:
            with in_cell(cell):
                done = draining.evacuate()
            for name, count in done.moved.items():
                moved[name] = moved.get(name, 0) + count
            row = standing.of(cell)
            if not done.moved and (row.inflight + row.held + row.waiting == 0 or time.monotonic() >= until):
                break
            gone, rest = sum(moved.values()), row.inflight + row.held + row.waiting
            steps.reached(f"draining {cell}: {rest} tasks left", gone, gone + rest)
            time.sleep(0.2)
    went = ", ".join(f"{count} to {name}" for name, count in moved.items()) or "nothing was held"
    left = f"{row.inflight} still run there" + (f", {row.held + row.waiting} wait there and must end there" if row.held + row.waiting else "")
    text = f"{cell} is drained: {went}; {left}"
    answer({"cell": cell, "drained": True, "moved": moved, "standing": row}, as_json, text)


@group.command()
@click.argument("cell")
@json_option
def undrain(cell: str, as_json: bool) -> None:
    """Let a cell take its tenants' new tasks again; what moved away stays there."""
    from fleet.dispatcher.cells import draining
    from fleet.secrets import audit

    was = draining.undrain(cell)
    audit.record("cell.undrain", cell)
    answer({"cell": cell, "was_drained": was}, as_json, f"{cell} is open" + ("" if was else " (it was not drained)"))

