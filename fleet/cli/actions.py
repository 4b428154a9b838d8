"""How does an operator see, begin and undo actions?"""

from __future__ import annotations

from typing import Any

import click

from fleet.cli.answer import answer, json_option, table


@click.group("actions")
def group() -> None:
    """Actions the fleet took by itself, or for you."""


@group.command("list")
@click.option("--past", "past_count", type=int, default=0, help="Show this many taken and undone instead.")
@json_option
def list_(past_count: int, as_json: bool) -> None:
    """Show the actions in force."""
    from fleet.alerts.actions import register
    from fleet.clock import utc

    client, cell = _store()
    if past_count:
        rows = register.past(client, cell, past_count)
        heads = ("verb", "action", "id", "by", "ended by", "what")
        cells = [(r["verb"], r["name"], r["id"], r["by"], r.get("ended_by", ""), r["summary"]) for r in rows]
        answer({"actions": rows}, as_json, table(heads, cells) if rows else "no action was ever taken")
        return
    active = register.active(client, cell)
    heads = ("id", "action", "until", "by", "what", "why")
    cells = [(a.id, a.name, f"{utc(a.until):%Y-%m-%d %H:%M} UTC", a.by, a.summary, a.why) for a in active]
    answer({"actions": active}, as_json, table(heads, cells) if active else "no action is in force")


@group.command("undo")
@click.argument("action_id")
@json_option
def undo(action_id: str, as_json: bool) -> None:
    """End ACTION_ID and give back what stood there before."""
    from fleet.alerts.actions import register
    from fleet.alerts.job import audit
    from fleet.clock import SYSTEM
    from fleet.secrets.audit import process_actor

    client, cell = _store()
    results = register.undo(client, cell, action_id, process_actor(), audit, SYSTEM.now())
    lines = [f"{row['key']} {row['field']}: {row['result']}" for row in results] or ["nothing had to be given back"]
    answer({"id": action_id, "results": results}, as_json, lines)


@group.command("take")
@click.argument(
    "name", type=click.Choice(["scale_up", "immediate_intervention", "performance_investigation", "rate_limiting"])
)
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="What it is about, like pool=fast.")
@click.option("--for", "lasts", default="30m", show_default=True, help="How long it lasts.")
@click.option("--replicas", type=int, default=1, show_default=True, help="scale_up: replicas to add per pool.")
@click.option("--share", type=float, default=0.25, show_default=True, help="immediate_intervention: share admitted.")
@click.option(
    "--factor", type=float, default=0.5, show_default=True, help="rate_limiting: limits are multiplied by it."
)
@click.option("--why", default="asked for by an operator", show_default=True)
@click.option("--dry-run", is_flag=True, help="Say what would change; change nothing.")
@json_option
def take(labels: tuple[str, ...], dry_run: bool, why: str, as_json: bool, **call: Any) -> None:
    """Begin an action by hand."""
    import secrets

    from fleet.alerts import bundle, view
    from fleet.alerts.actions import register
    from fleet.alerts.actions.plan import Request
    from fleet.alerts.job import audit
    from fleet.alerts.rules import ActionCall
    from fleet.catalogue.load import current as current_catalogue
    from fleet.clock import SYSTEM
    from fleet.secrets.audit import process_actor

    client, cell = _store()
    now = SYSTEM.now()
    subject = dict(label.split("=", 1) for label in labels if "=" in label)
    call["admitted_share"] = call.pop("share")
    wanted = ActionCall.model_validate(call)
    request = Request(secrets.token_hex(6), wanted, why, process_actor(), now, (subject,) if subject else ())
    seen = view.gather(client, cell, current_catalogue(), now)
    planned = register.plan(request, seen)
    if dry_run:
        text = [f"would {planned.summary}"] if not planned.refused else [f"would do nothing: {planned.refused}"]
        changes = [f"  {effect.key} {effect.field} = {effect.value}" for effect in planned.effects]
        answer({"plan": planned}, as_json, text + changes)
        return
    collected = bundle.collect(client, cell, request, now) if planned.collects else ""
    taken = register.take(client, cell, request, seen, audit, collected)
    answer(taken, as_json, f"{taken.id}: {taken.reason}")
    if not taken.in_force:
        raise SystemExit(1)


@group.command("show")
@click.argument("action_id")
@click.option("--json", "as_json", is_flag=True, help="As always: the bundle is JSON.")
def show(action_id: str, as_json: bool) -> None:
    """Print the bundle a performance investigation collected, as JSON."""
    from fleet.alerts.actions import register

    client, cell = _store()
    answer(register.bundle(client, cell, action_id), as_json or True, "")


def _store() -> Any:
    from fleet.settings import current
    from fleet.store.client import connect

    return connect(), current().cell
