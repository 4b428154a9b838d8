"""How are tasks looked at and taken back from a terminal?"""

from __future__ import annotations

import sys
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any

import click

from fleet.cli import dead_letters
from fleet.cli.answer import answer, json_option, table
from fleet.cli.when import Moment

if TYPE_CHECKING:
    from fleet.dispatcher.pools import PoolStatus


@click.command()
@click.argument("task_id", required=False)
@json_option
def status(task_id: str | None, as_json: bool) -> None:
    """Show one task, or the fleet at a glance."""
    if task_id is None:
        _fleet(as_json)
        return
    from fleet.dispatcher import tasks as records
    from fleet.dispatcher.cells import routing
    from fleet.errors import NotFound

    with routing.holding(task_id) as cell:
        record = records.read(task_id)
    if record is None:
        raise NotFound(f"no task {task_id}: its record may have expired; search with `fleet tasks search`")
    document = record.as_dict() | ({"cell": cell} if routing.is_many() else {})
    lines = [
        f"{name:12} {value}"
        for name, value in document.items()
        if value not in ("", None, (), {}) and name != "decision"
    ]
    answer(document, as_json, lines)


def _fleet(as_json: bool) -> None:
    from fleet.diagnostics import emergency as emergency_mode
    from fleet.dispatcher import pools
    from fleet.dispatcher.cells import routing
    from fleet.registry import roster

    seen = {
        cell: (pools.status(), pools.held_by_type(), len(roster.workers()), emergency_mode.read())
        for cell in routing.each_answering()
    }
    cells = [_cell_document(*values) for values in seen.values()]
    lines: list[str] = []
    for cell, (rows, held, workers, emergency) in seen.items():
        waiting = ", ".join(f"{lane} {count}" for lane, count in held.items()) or "nothing"
        lines += [f"cell {cell}"] * routing.is_many()
        lines += [f"EMERGENCY MODE: {emergency_mode.said(emergency)}", ""] if emergency else []
        lines += [
            table(
                ("pool", "slots", "in flight", "queued", "success", "mean s"),
                [(r.name, r.slots, r.inflight, r.queued, f"{r.success_rate:.0%}", f"{r.service_seconds:.2f}") for r in rows],
            ),
            "",
            f"held: {waiting}    workers: {workers}",
        ]
    document = {"cells": dict(zip(seen, cells, strict=True))} if routing.is_many() else cells[0]
    answer(document, as_json, lines)


def _cell_document(
    rows: list[PoolStatus], held: dict[str, int], workers: int, emergency: dict[str, str]
) -> dict[str, Any]:
    return {"pools": [row.as_dict() for row in rows], "held": held, "workers": workers, "emergency": emergency}


@click.group()
def tasks() -> None:
    """List, search and cancel tasks; dead letters."""


@tasks.command("list")
@click.option("--limit", default=50, show_default=True)
@json_option
def list_(limit: int, as_json: bool) -> None:
    """Show tasks that are held, delayed, released or running."""
    from fleet.dispatcher import tasks as records
    from fleet.dispatcher.cells import routing

    rows = [row for _ in routing.each_answering() for row in records.live(limit)][:limit]
    text = table(
        ("task", "type", "tenant", "state", "attempt", "pool"),
        [(r.task_id, r.task_type, r.tenant, r.state, r.attempt, r.pool) for r in rows],
    )
    answer([row.as_dict() for row in rows], as_json, text)


@tasks.command()
@click.option("--type", "task_type", default="", help="Only of this task type.")
@click.option("--tenant", default="", help="Only of this tenant.")
@click.option("--pool", default="", help="Only what this pool ran.")
@click.option("--state", type=click.Choice(["done", "failed", "dead", "cancelled"]), help="Only what ended so.")
@click.option("--since", type=Moment(), default=0.0, help="Ended at or after this: 2h (ago), 2026-11-27 or 2026-11-27T03:00 (UTC).")
@click.option("--until", type=Moment(), default=0.0, help="Ended before this.")
@click.option("--limit", default=50, show_default=True)
@json_option
def search(limit: int, as_json: bool, state: str | None, **wanted: Any) -> None:
    """Search ended tasks, newest first."""
    from fleet.diagnostics.words import moment
    from fleet.dispatcher import tasks as records
    from fleet.dispatcher.cells import routing

    found = [
        row for _ in routing.each_answering() for row in records.search(state=state or "", limit=limit, **wanted)
    ]
    rows = sorted(found, key=lambda row: -row.ended_at)[:limit]
    heads = ("ended", "task", "type", "tenant", "pool", "state", "trace", "reason")
    shown = [
        (moment(r.ended_at), r.task_id, r.task_type, r.tenant, r.pool, r.state, r.trace_id or "-", r.reason[:60])
        for r in rows
    ]
    answer(rows, as_json, table(heads, shown))


@tasks.command()
@click.argument("task_ids", nargs=-1, required=True)
@click.option("--why", default="cancelled by an operator", show_default=True)
@json_option
def cancel(task_ids: tuple[str, ...], why: str, as_json: bool) -> None:
    """Cancel tasks: waiting ones at once, running ones are stopped and whatever they still say is not believed."""
    from fleet.dispatcher import tasks as records
    from fleet.dispatcher.cells import routing

    states = {}
    for task_id in task_ids:
        with routing.holding(task_id):
            states[task_id] = records.cancel(task_id, why)
    answer(states, as_json, [f"{task_id} was {state}" for task_id, state in states.items()])
    if "unknown" in states.values():
        sys.exit(1)


@tasks.command()
@click.argument("ids", type=click.File())
@json_option
def missing(ids: IO[str], as_json: bool) -> None:
    """Compare a producer's own record, a file of task ids (one a line, - for standard input), with what the store knows.

    What a broker lost with its last second, or its disk, is what its producer noted and the store has never heard of.
    """
    from fleet.dispatcher import tasks as records

    noted = list(dict.fromkeys(line.strip() for line in ids if line.strip()))
    lost = records.unknown(noted)
    answer({"noted": len(noted), "missing": lost}, as_json, lost or [f"all {len(noted)} are known"])
    if lost:
        sys.exit(1)


@tasks.command()
@click.option("--limit", default=50, show_default=True)
@json_option
def malformed(limit: int, as_json: bool) -> None:
    """Show messages nobody could decode, newest first, with the reason."""
    from fleet.dispatcher import malformed as kept

    rows = kept.read(limit)
    shown = [(datetime.fromtimestamp(row.at).strftime("%H:%M:%S"), row.queue, row.size_bytes, row.reason[:90]) for row in rows]
    answer([row.as_dict() for row in rows], as_json, table(("at", "queue", "bytes", "why"), shown))


tasks.add_command(dead_letters.dead)
