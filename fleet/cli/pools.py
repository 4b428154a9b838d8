"""How are pools looked at, paused and resumed from a terminal?"""

from __future__ import annotations

import click

from fleet.cli.answer import answer, json_option, table


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def pools(ctx: click.Context, as_json: bool) -> None:
    """Show, pause and resume pools."""
    if ctx.invoked_subcommand is not None:
        return
    from fleet.dispatcher import pools as state
    from fleet.dispatcher.cells import routing

    rows = [row for _ in routing.each_answering() for row in state.status()]
    heads = ("pool", "agent type", "slots", "in flight", "held", "queued", "success", "mean s", "paused", "cell")
    text = table(
        heads,
        [
            (
                r.name,
                r.agent_type,
                r.slots,
                r.inflight,
                r.held,
                r.queued,
                f"{r.success_rate:.0%}",
                f"{r.service_seconds:.2f}",
                r.paused,
                r.cell,
            )
            for r in rows
        ],
    )
    answer([row.as_dict() for row in rows], as_json, text)


@pools.command()
@click.argument("name")
@click.option("--why", default="paused by an operator", show_default=True)
@json_option
def pause(name: str, why: str, as_json: bool) -> None:
    """Release nothing more to a pool, or to any pool of a task type, fleet-wide; what runs goes on."""
    from fleet.dispatcher import pausing
    from fleet.dispatcher.cells import routing

    for _ in routing.each_with(name):
        pausing.pause(name, why)
    answer({"name": name, "paused": why}, as_json, f"{name} is paused: {why}")


@pools.command()
@click.argument("name")
@json_option
def resume(name: str, as_json: bool) -> None:
    """Release again."""
    from fleet.dispatcher import pausing
    from fleet.dispatcher.cells import routing

    was = [cell for cell in routing.each_with(name) if pausing.resume(name)]
    answer({"name": name, "was_paused": bool(was)}, as_json, f"{name} is resumed" if was else f"{name} was not paused")
