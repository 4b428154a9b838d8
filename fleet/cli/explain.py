"""How is a decision explained?"""

from __future__ import annotations

import click

from fleet.cli.answer import answer, json_option


@click.group()
def explain() -> None:
    """Say why something was decided, as recorded with the decision."""


@explain.command()
@click.argument("task_id")
@json_option
def task(task_id: str, as_json: bool) -> None:
    """Say where a task went and why: candidates, terms, what was rejected, how long it was held."""
    from fleet.dispatcher import explanation
    from fleet.dispatcher.cells import routing

    with routing.holding(task_id):
        document = explanation.explain(task_id)
    answer(document, as_json, document.lines())


@explain.command("scale")
@click.argument("pool")
@json_option
@click.pass_context
def scale_(ctx: click.Context, pool: str, as_json: bool) -> None:
    """Say why a pool has the target it has."""
    from fleet.cli.scale import scale

    ctx.invoke(scale.commands["explain"], pool=pool, as_json=as_json)
