"""How long should a replica that leaves be let finish, by what its tasks took? (`fleet scale grace`)"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fleet.cli.answer import answer, json_option, table

if TYPE_CHECKING:
    from fleet.scaling.grace import Grace


@click.command("grace")
@click.argument("pool", required=False)
@click.option("--days", default=7.0, show_default=True, type=click.FloatRange(min=0, min_open=True), help="How much of the past counts.")
@json_option
def grace(pool: str | None, days: float, as_json: bool) -> None:
    """Compare declared grace periods with what the tasks of every pool (or POOL) took.

    `fleet render chart-values --measured-grace DAYS` puts the recommendation into terminationGracePeriodSeconds.
    """
    from fleet.errors import UnknownName

    found = measured(days)
    if pool is not None:
        if pool not in {row.pool for row in found}:
            raise UnknownName("pool", pool, [row.pool for row in found])
        found = [row for row in found if row.pool == pool]
    heads = ("pool", "declared", "recommended", "verdict", "because of")
    rows = [(r.pool, f"{r.declared_seconds:g} s", f"{r.recommended_seconds} s", r.advice, r.why) for r in found]
    document = [
        {"pool": r.pool, "declared_seconds": r.declared_seconds, "recommended_seconds": r.recommended_seconds,
         "advice": r.advice, "why": r.why, "types": r.types} for r in found
    ]  # fmt: skip
    answer({"days": days, "pools": document}, as_json, table(heads, rows))


def measured(days: float) -> list[Grace]:
    """Return every pool's grace by the tasks that ended in the last days."""
    from fleet.catalogue import current as catalogue
    from fleet.scaling.ended import runs
    from fleet.scaling.grace import graces
    from fleet.scaling.target_store import TargetStore
    from fleet.settings import current
    from fleet.store.client import connect

    client, cell = connect(), current().cell
    start = TargetStore(client, cell).now() - days * 86_400.0
    return graces(catalogue(), runs(client, cell, start))
