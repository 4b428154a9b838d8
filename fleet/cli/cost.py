"""How do people ask what things cost, and steer it?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleet.cli.answer import answer, json_option, table
from fleet.cli.progress import progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from fleet.costs.durable import DurableLedger
    from fleet.costs.selection import Learned


@click.group("cost")
def group() -> None:
    """Costs: reports, model choice, prices, export, controls."""


@group.command("report")
@click.option("--html", "html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with charts here.")
@json_option
def report(html: Path | None, as_json: bool) -> None:
    """What was spent, on what, where it is heading, and what would save money."""
    from fleet.costs.job import current_report
    from fleet.costs.ledger import roll_up
    from fleet.costs.report import as_html, as_text
    from fleet.settings import current
    from fleet.store.client import connect

    cell, client, durable = current().cell, connect(), _durable()
    roll_up(client, cell, durable)
    costs = current_report(client, cell, durable)
    if html:
        html.write_text(as_html(costs))
    answer(costs.as_dict(), as_json, f"{as_text(costs)}{f'{chr(10)}written to {html}' if html else ''}")


@group.command("choose")
@click.option("--type", "task_type", default="general", show_default=True, help="Task type.")
@click.option("--complexity", default=0.5, show_default=True, help="From 0 (trivial) to 1.")
@click.option("--quality", default=0.4, show_default=True, help="Weight of quality.")
@click.option("--speed", default=0.3, show_default=True, help="Weight of speed; cost gets what is left of 1.")
@click.option("--limit", default=None, help="The most a task may cost, in USD.")
@click.option("--exclude", multiple=True, help="A model that was tried already.")
@json_option
def choose_(
    task_type: str,
    complexity: float,
    quality: float,
    speed: float,
    limit: str | None,
    exclude: tuple[str, ...],
    as_json: bool,
) -> None:
    """Which model should do a task; exit 1 when none fits."""
    from datetime import UTC, datetime

    from fleet.catalogue import current as declared_catalogue
    from fleet.costs.configured import models, price_book
    from fleet.costs.money import micros
    from fleet.costs.selection import Wish, choose
    from fleet.settings import current

    settings, catalogue = current(), declared_catalogue()
    declared = catalogue.task_types.get(task_type)
    wish = Wish(
        task_type=declared.estimate if declared else task_type,
        complexity=complexity,
        quality_priority=quality,
        speed_priority=speed,
        limit_micros=None if limit is None else micros(limit, "--limit"),
    )
    choice = choose(
        wish,
        price_book(settings, catalogue),
        datetime.now(tz=UTC),
        models=models(settings, catalogue),
        learned=_learned(task_type, wish.task_type),
        exclude=exclude,
    )
    rows = [(r.model, f"{r.score:.3f}", r.as_dict()["estimated_cost_usd"], r.origin) for r in choice.alternatives]
    rows += [(r.model, "out", r.as_dict()["estimated_cost_usd"], r.refused) for r in choice.refused]
    answer(choice.as_dict(), as_json, [choice.reason, "", table(("model", "score", "USD", "price or why not"), rows)])
    sys.exit(0 if choice.model else 1)


@group.command("prices")
@click.argument("names", nargs=-1, metavar="[MODEL]...")
@json_option
def prices(names: tuple[str, ...], as_json: bool) -> None:
    """Which prices apply, per 1 000 tokens, and where they are from."""
    from datetime import UTC, datetime

    from fleet.catalogue import current as declared_catalogue
    from fleet.costs.configured import models, price_book
    from fleet.costs.prices import Price
    from fleet.costs.pricing import price_table
    from fleet.settings import current

    settings, catalogue = current(), declared_catalogue()
    book = price_book(settings, catalogue)
    declared = models(settings, catalogue)
    known = dict.fromkeys([m.name for m in declared] + [p.model for p in book.overrides])
    local = {m.name: m.provider for m in declared if m.provider}
    rows = price_table(book, names or known, datetime.now(tz=UTC), local)
    document = [
        {"model": r.model, "input_usd": str(r.input_usd), "output_usd": str(r.output_usd), "origin": r.origin}
        if isinstance(r, Price)
        else {"model": r.model, "refused": r.reason}
        for r in rows
    ]
    cells = [
        (r.model, r.input_usd.normalize().__format__("f"), r.output_usd.normalize().__format__("f"), r.origin)
        if isinstance(r, Price)
        else (r.model, "-", "-", r.reason)
        for r in rows
    ]
    answer(
        {"price_set": book.price_set, "unit": "USD per 1000 tokens", "prices": document},
        as_json,
        table(("model", "in", "out", "from"), cells),
    )


@group.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True)
@click.option("--days", default=0, help="Only the last days; 0 means everything that is kept.")
@json_option
def export_(file: Path, form: str, days: int, as_json: bool) -> None:
    """Write every ledger entry to FILE, exact to the micro-dollar."""
    from time import time

    from fleet.costs.ledger import export, roll_up
    from fleet.settings import current
    from fleet.store.client import connect

    durable = _durable()
    since = int((time() - days * 86_400) * 1000) if days else 0
    with progress("exporting", as_json=as_json), file.open("w", newline="") as target:
        roll_up(connect(), current().cell, durable)
        count = export(durable.entries(since=since), target, "csv" if form == "csv" else "jsonl")
    answer({"entries": count, "file": str(file)}, as_json, f"{count} entries written to {file}")


@group.command("reconcile")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def reconcile_(file: Path, as_json: bool) -> None:
    """Settle estimates of the last two days by the provider's log: FILE has lines {"call_id", "input", "output"}."""
    import json
    from datetime import UTC, datetime

    from fleet.catalogue import current as declared_catalogue
    from fleet.costs.configured import price_book
    from fleet.costs.ledger import roll_up
    from fleet.costs.prices import Usage
    from fleet.costs.reconcile import reconcile
    from fleet.settings import current
    from fleet.store.client import connect

    rows = [json.loads(line) for line in file.read_text().splitlines() if line.strip()]
    billed = {str(row["call_id"]): Usage(int(row["input"]), int(row["output"])) for row in rows}
    settings, client, durable = current(), connect(), _durable()
    book = price_book(settings, declared_catalogue())
    with progress("settling", as_json=as_json):
        roll_up(client, settings.cell, durable)
        found = reconcile(client, settings.cell, durable.entries(), billed, book, datetime.now(tz=UTC))
        roll_up(client, settings.cell, durable)
    answer(found, as_json, f"{found.corrected} corrected, {found.never_billed} never billed, {found.too_old} too old")


@group.group("controls", invoke_without_command=True)
@json_option
@click.pass_context
def controls_(context: click.Context, as_json: bool) -> None:
    """Rate limits, quotas, downgrade rules, alerts: what is in force; `set` and `undo` act at once, fleet-wide."""
    from fleet.costs.controls import controls
    from fleet.costs.quotas import in_use
    from fleet.settings import current
    from fleet.store.client import connect

    if context.invoked_subcommand is None:
        client, cell = connect(), current().cell
        used = [use.as_dict() for use in in_use(client, cell)]
        found = controls(client, cell).as_dict() | {"quotas_in_use": used}
        answer(found, as_json, [f"{name}: {value}" for name, value in found.items()])


@controls_.command("set")
@click.argument("name")
@click.argument("value")
@json_option
def set_(name: str, value: str, as_json: bool) -> None:
    """Set a control, e.g. `limit.tenant:acme requests=500,usd=20`, `downgrade.gpt-5 none`, `alerts off`."""
    from fleet.costs.controls import set_control
    from fleet.settings import current
    from fleet.store.client import connect

    set_control(connect(), current().cell, name, value, audited)
    answer({"control": name, "value": value}, as_json, f"{name} is {value}; `fleet cost controls undo` takes it back")


@controls_.command("undo")
@json_option
def undo_(as_json: bool) -> None:
    """Take the last change of a control back."""
    from fleet.costs.controls import undo
    from fleet.settings import current
    from fleet.store.client import connect

    name = undo(connect(), current().cell, audited)
    answer({"control": name}, as_json, f"{name} is what it was before")


def audited(action: str, detail: Mapping[str, Any]) -> None:
    """Write an operator's change to the audit log."""
    from fleet.secrets.audit import record

    record(action, str(detail.get("budget") or detail.get("control")), detail=detail)


def _durable() -> DurableLedger:
    from fleet.costs.durable import DurableLedger, ledger_url
    from fleet.settings import current

    return DurableLedger(ledger_url(current()))


def _learned(task_type: str, estimate: str) -> Learned:
    """Return learned costs under the name the estimate goes by; none while no fleet runs here."""
    from fleet.costs.outcomes import learned_costs
    from fleet.errors import StoreUnavailable
    from fleet.settings import current
    from fleet.store.client import connect

    try:
        costs = learned_costs(connect(), current().cell, task_type)
    except StoreUnavailable:
        return {}
    return {(estimate, model): micros for (_, model), micros in costs.items()}
