"""How is a game day held?"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import click

from fleet.cli.answer import answer, json_option, table
from fleet.cli.progress import progress

HEADS = (
    "experiment", "on", "tasks", "in flight", "lost", "doubled", "ran again", "detected s", "recovered s", "p99 s", "silent s", "all done s", "holds",
)  # fmt: skip


@click.command()
@click.argument("experiments", nargs=-1)
@click.option("--tasks", "count", default=48, show_default=True, help="Tasks of load in each experiment.")
@click.option("--size", default=1000, show_default=True, help="Tasks that drain while workers are killed at random.")
@click.option("--tuned", is_flag=True, help="With the leases of docs/resilience.md that find a dead worker within 3 s.")
@click.option("--peer", is_flag=True, help="Break plain Celery in the same way, as documented and tuned, and compare.")
@click.option("--list", "only_list", is_flag=True, help="Show the experiments and what they promise.")
@json_option
def gameday(experiments: tuple[str, ...], count: int, size: int, tuned: bool, peer: bool, only_list: bool, as_json: bool) -> None:
    """Break a throw-away fleet on purpose and score what follows. Names of EXPERIMENTS choose; none: all."""
    program = import_module("workers.gameday.run")
    wanted = program.chosen(experiments)
    if only_list:
        rows = [(one.name, one.hypothesis) for one in wanted]
        answer([{"name": name, "hypothesis": hypothesis} for name, hypothesis in rows], as_json, table(("experiment", "hypothesis"), rows))
        return
    sizes = program.Size(tasks=count, drain=size)

    total = len(wanted) + (2 * sum(one.compares for one in wanted) if peer else 0)
    with progress("starting a fleet", total, as_json=as_json) as steps:
        held = {"fleet": program.run(wanted, sizes, steps.say, steps.done, is_tuned=tuned)}
        if peer:
            held["celery"] = program.run_peer(wanted, sizes, steps.say, steps.done)
            held["celery tuned"] = program.run_peer(wanted, sizes, steps.say, steps.done, is_tuned=True)
    ok = all(score.holds for score in held["fleet"])
    rows = [_row(ground, score) for ground, scores in held.items() for score in scores]
    seen = [f"{score.name}: {note}" for score in held["fleet"] for note in score.notes]
    report = {ground: [score.as_dict() for score in scores] for ground, scores in held.items()}
    answer({"ok": ok, "experiments": report.pop("fleet"), "peers": report}, as_json, [table(HEADS, rows), "", *seen])
    if not ok:
        sys.exit(1)


def _row(ground: str, score: Any) -> tuple[Any, ...]:
    return (
        score.name, ground, score.tasks, score.in_flight, score.lost, score.doubled, score.ran_again,
        *_seconds((score.detected_seconds, score.recovered_seconds, score.p99_seconds, score.silent_seconds, score.finished_seconds)),
        "yes" if score.holds else "NO: " + "; ".join(score.reasons),
    )  # fmt: skip


def _seconds(values: Iterable[float | None]) -> list[str]:
    return ["-" if value is None else f"{value:.1f}" for value in values]
