"""How is a new version of a pool rolled out from a terminal?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fleet.cli.answer import answer, json_option

if TYPE_CHECKING:
    from fleet.dispatcher.rollout import Rollout


@click.group("rollout")
def group() -> None:
    """Give a new version of a pool a growing share of the tasks; it is taken back by itself when it is worse."""


@group.command()
@click.argument("pool")
@click.option("--version", required=True, help="Its workers are those of pool@version.")
@click.option("--share", default=10.0, show_default=True, help="Percent of new tasks to begin with.")
@click.option("--steps", default="10,50,100", show_default=True, help="Percents it is given, one after the other.")
@click.option("--step-seconds", default=60.0, show_default=True, help="How long each step lasts at least.")
@json_option
def start(pool: str, version: str, share: float, steps: str, step_seconds: float, as_json: bool) -> None:
    """Start a rollout. Workers of the version: by themselves under `fleet up`, else `fleet worker POOL@VERSION`."""
    from fleet.dispatcher import rollouts

    try:
        wanted = [step for text in steps.split(",") if text.strip() and (step := float(text)) >= share]
    except ValueError:
        raise click.BadParameter(f"{steps!r} is no list of percents such as 10,50,100", param_hint="--steps") from None
    _say(rollouts.start(pool, version, share, wanted, step_seconds), as_json)


@group.command()
@json_option
def status(as_json: bool) -> None:
    """Show each pool's newest rollout, and what both versions did lately."""
    from fleet.dispatcher import rollouts

    rows: list[dict[str, Any]] = []
    lines = []
    for rollout in rollouts.every():
        new, old = rollouts.records(rollout)
        rows.append({"rollout": rollout, "new": new, "old": old})
        lines.append(f"{_line(rollout)}\n  new {new.succeeded}/{new.tried}, old {old.succeeded}/{old.tried} attempts succeeded")
    answer(rows, as_json, lines or ["no version was rolled out yet"])


@group.command()
@click.argument("pool")
@json_option
def promote(pool: str, as_json: bool) -> None:
    """Give the version all new tasks now."""
    from fleet.dispatcher import rollouts

    _say(rollouts.promote(pool), as_json)


@group.command()
@click.argument("pool")
@json_option
def abort(pool: str, as_json: bool) -> None:
    """Take everything back from the version."""
    from fleet.dispatcher import rollouts

    _say(rollouts.abort(pool), as_json)


def _say(rollout: Rollout, as_json: bool) -> None:
    answer(rollout, as_json, _line(rollout))


def _line(rollout: Rollout) -> str:
    return f"{rollout.version_pool}: {rollout.state}, {rollout.share:g} % ({rollout.reason})"
