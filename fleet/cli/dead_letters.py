"""How are dead letters inspected, edited, tried again and forgotten from a terminal, one by one and in bulk?"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from fleet.cli.answer import answer, json_option, table
from fleet.cli.progress import progress
from fleet.errors import Conflict

if TYPE_CHECKING:
    from fleet.dispatcher.tasks import TaskRecord

MOST = 100_000


@click.group()
def dead() -> None:
    """Dead letters: list, show, replay, edit, discard."""


def chosen_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what says which dead letters are meant: ids, or --all, or those of a type, tenant or reason."""
    for option in (
        click.option("--reason", default="", help="Only those whose reason contains this."),
        click.option("--tenant", default="", help="Only of this tenant."),
        click.option("--type", "task_type", default="", help="Only of this task type."),
        click.option("--all", "everything", is_flag=True, help="Every dead letter that fits."),
        click.argument("task_ids", nargs=-1),
    ):
        command = option(command)
    return command


@dead.command("list")
@click.option("--type", "task_type", default="", help="Only of this task type.")
@click.option("--tenant", default="", help="Only of this tenant.")
@click.option("--reason", default="", help="Only those whose reason contains this.")
@click.option("--limit", default=50, show_default=True)
@json_option
def list_dead(task_type: str, tenant: str, reason: str, limit: int, as_json: bool) -> None:
    """Show dead letters, oldest first."""
    rows = _fitting(task_type, tenant, reason)[:limit]
    text = table(
        ("task", "type", "tenant", "attempts", "why"),
        [(r.task_id, r.task_type, r.tenant, r.attempt, r.reason[:80]) for r in rows],
    )
    answer([row.as_dict() for row in rows], as_json, text)


@dead.command()
@click.argument("task_id")
@json_option
def show(task_id: str, as_json: bool) -> None:
    """Show one dead letter: why it died, what it carries, where it has been."""
    from fleet.dispatcher import dead_letters, tasks
    from fleet.dispatcher.cells import routing
    from fleet.errors import NotFound

    with routing.holding(task_id):
        record = tasks.read(task_id)
        if record is None or record.state != "dead":
            state = f"; it is {record.state}" if record else ""
            raise NotFound(f"no dead letter {task_id}{state}: `fleet tasks dead list` shows them")
        payload = dead_letters.payload(task_id)
    lines = [
        f"{record.task_type} {task_id} of {record.tenant}: {record.reason}",
        f"{record.attempt} attempts, last on {record.pool or 'no pool'}" + (f"; failed on {', '.join(record.excluded)}" if record.excluded else ""),
        json.dumps(payload, indent=2),
    ]
    answer(record.as_dict() | {"payload": payload}, as_json, lines)


@dead.command()
@chosen_options
@click.option("--payload", help="Replace the payload (JSON object) before replaying.")
@json_option
def replay(
    task_ids: tuple[str, ...], everything: bool, task_type: str, tenant: str, reason: str, payload: str | None, as_json: bool
) -> None:
    """Run dead letters again, with fresh attempts."""
    new = _object(payload) if payload is not None else None
    chosen = _chosen(task_ids, everything, task_type, tenant, reason)
    states = _each("replaying", chosen, lambda letters, task: letters.replay(task, new), as_json)
    answer(states, as_json, [f"{task_id}: {state}" for task_id, state in states.items()])
    if not {"held", "released"}.issuperset(states.values()):
        sys.exit(1)


@dead.command()
@click.argument("task_id")
@json_option
def edit(task_id: str, as_json: bool) -> None:
    """Edit a dead letter's payload in $EDITOR, then run it again; unchanged or empty: nothing happens."""
    from fleet.dispatcher import dead_letters
    from fleet.dispatcher.cells import routing

    with routing.holding(task_id):
        before = json.dumps(dead_letters.payload(task_id), indent=2) + "\n"
        after = click.edit(before, extension=".json", require_save=False)
        if after is None or not after.strip() or after == before:
            answer({task_id: "unchanged"}, as_json, f"{task_id}: unchanged, not replayed")
            return
        state = dead_letters.replay(task_id, _object(after))
    answer({task_id: state}, as_json, f"{task_id}: {state}")


@dead.command()
@chosen_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def discard(
    task_ids: tuple[str, ...], everything: bool, task_type: str, tenant: str, reason: str, yes: bool, as_json: bool
) -> None:
    """Forget dead letters for good."""
    chosen = _chosen(task_ids, everything, task_type, tenant, reason)
    if chosen and not yes:
        click.confirm(f"Discard {len(chosen)} dead letters?", abort=True)
    gone = _each("discarding", chosen, lambda letters, task: letters.discard(task), as_json)
    answer(
        gone, as_json, [f"{task_id}: {'discarded' if done else 'is no dead letter'}" for task_id, done in gone.items()]
    )
    if not all(gone.values()):
        sys.exit(1)


def _fitting(task_type: str, tenant: str, reason: str) -> list[TaskRecord]:
    from fleet.dispatcher import dead_letters
    from fleet.dispatcher.cells import routing

    return [
        row
        for _ in routing.each_answering()
        for row in dead_letters.read(MOST)
        if task_type in ("", row.task_type) and tenant in ("", row.tenant) and reason in row.reason
    ]


def _chosen(task_ids: tuple[str, ...], everything: bool, task_type: str, tenant: str, reason: str) -> list[str]:
    filters = task_type or tenant or reason
    if bool(task_ids) == bool(everything or filters):
        raise click.UsageError("name dead letters by id, or choose them with --all, --type, --tenant or --reason")
    return list(task_ids) or [row.task_id for row in _fitting(task_type, tenant, reason)]


def _each(what: str, task_ids: list[str], act: Callable[[Any, str], Any], as_json: bool) -> dict[str, Any]:
    from fleet.dispatcher import dead_letters
    from fleet.dispatcher.cells import routing

    answers = {}
    with progress(what, len(task_ids), as_json=as_json) as steps:
        for task_id in task_ids:
            with routing.holding(task_id):
                try:
                    answers[task_id] = act(dead_letters, task_id)
                except Conflict as error:
                    answers[task_id] = str(error)
            steps.done(what)
    return answers


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"the payload is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise click.UsageError(f"the payload is a JSON object, not {type(value).__name__}")
    return value
