"""How are workers looked at and drained from a terminal?"""

from __future__ import annotations

import sys

import click

from fleet.cli.answer import answer, json_option, table


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def workers(ctx: click.Context, as_json: bool) -> None:
    """Show, drain and undrain workers."""
    if ctx.invoked_subcommand is not None:
        return
    from fleet.dispatcher.cells import routing
    from fleet.registry import roster

    rows = [row for _ in routing.each_answering() for row in roster.workers()]
    heads = ("worker", "pool", "status", "slots", "running", "silent s", "memory MB", "build", "understands", "cell")
    text = table(
        heads,
        [
            (
                r.worker_id,
                r.pool,
                r.status,
                r.slots,
                r.running,
                f"{r.silent_seconds:.1f}",
                r.memory_bytes >> 20,
                r.version,
                r.contracts,
                r.cell,
            )
            for r in rows
        ],
    )
    answer([row.as_dict() for row in rows], as_json, text)


@workers.command()
@click.argument("worker_ids", nargs=-1, required=True)
@json_option
def drain(worker_ids: tuple[str, ...], as_json: bool) -> None:
    """Let workers finish what they run and take nothing new."""
    _each(worker_ids, as_json, "drain")


@workers.command()
@click.argument("worker_ids", nargs=-1, required=True)
@json_option
def undrain(worker_ids: tuple[str, ...], as_json: bool) -> None:
    """Let drained workers take tasks again."""
    _each(worker_ids, as_json, "undrain")


def _each(worker_ids: tuple[str, ...], as_json: bool, verb: str) -> None:
    from fleet.dispatcher.cells import routing
    from fleet.registry import roster

    states = dict.fromkeys(worker_ids, "unknown")
    for _ in routing.each_answering():
        for worker in worker_ids:
            if states[worker] == "unknown":
                states[worker] = getattr(roster, verb)(worker)
    answer(states, as_json, [f"{worker}: {state}" for worker, state in states.items()])
    if "unknown" in states.values():
        sys.exit(1)
