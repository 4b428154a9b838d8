"""How many replicas should each pool have, why, and who may say otherwise? (`fleet scale`)"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleet.cli.answer import answer, json_option, table
from fleet.cli.scale_grace import grace
from fleet.cli.scale_manifests import apply, diff, manifests
from fleet.cli.when import Duration

if TYPE_CHECKING:
    from fleet.scaling.target_store import TargetStore


@click.group("scale")
def scale() -> None:
    """Scaling targets: what they are, why, and orders that replace them."""


@scale.command("status")
@json_option
def status(as_json: bool) -> None:
    """Show every pool's target beside what is there."""
    kept = _store()
    now, found = kept.now(), kept.all()
    rows = []
    for pool, target in found.items():
        snap, age = target["snapshot"], now - target["computed_at"]
        waiting = snap["held"] + snap["released"]
        binding = target["binding"] or "-"
        rows.append((pool, target["replicas"], snap["ready"], snap["running"], waiting, binding, f"{age:.0f} s"))
    heads = ("pool", "target", "ready", "running", "waiting", "bound by", "age")
    text = (
        table(heads, rows) if rows else "no targets yet: they appear when the beat job `scaling` has run (`fleet up`)"
    )
    answer(
        {"pools": [{**target, "age_seconds": now - target["computed_at"]} for target in found.values()]}, as_json, text
    )


@scale.command("explain")
@click.argument("pool")
@json_option
def explain(pool: str, as_json: bool) -> None:
    """Print the recorded decision for POOL: inputs, limits considered, what bound."""
    kept = _store()
    target = _recorded(kept, pool)
    age = kept.now() - target["computed_at"]
    lines = [
        f"{pool}: {target['replicas']} replicas, decided {age:.0f} s ago by {target['policy']}",
        target["reason"],
        "",
    ]
    lines += [f"  {name:<16} {value:.3g}" for name, value in target["inputs"].items()]
    lines += ["", "limits considered:"]
    for limit in target["considered"]:
        mark = "*" if limit["name"] == target["binding"] else " "
        lines.append(f" {mark} {limit['name']:<10} {limit['kind']:<8} {limit['replicas']:>5}  {limit['why']}")
    answer({**target, "age_seconds": age}, as_json, lines)


@scale.command("history")
@click.argument("pool")
@click.option("--since", type=Duration(), default="6h", show_default=True, help="How far back.")
@click.option("--limit", type=click.IntRange(1), help="Only the last so many.")
@click.option("--plot", type=click.Path(path_type=Path), help="Write a picture here (.png or .svg).")
@json_option
def history(pool: str, since: float, limit: int | None, plot: Path | None, as_json: bool) -> None:
    """Print POOL's past targets, oldest first."""
    from fleet.clock import utc

    kept = _store()
    _recorded(kept, pool)
    entries = kept.history(pool, kept.now() - since, limit)
    if plot is not None:
        from fleet.scaling.plots import draw

        draw(pool, entries, plot)
    heads = ("time (UTC)", "target", "ready", "running", "waiting", "load", "wait", "bound by", "reason")
    rows = [
        (
            f"{utc(e['at']):%m-%d %H:%M:%S}",
            *(e["replicas"], e["ready"], e["running"], e["waiting"]),
            *(f"{e['load']:.1f}", f"{e['wait']:.1f} s", e["binding"] or "-", e["reason"]),
        )
        for e in entries
    ]
    text = [table(heads, rows) if rows else f"nothing recorded for {pool} in this time"]
    answer({"pool": pool, "entries": entries, "plot": plot}, as_json, [*text, *([f"picture: {plot}"] if plot else [])])


@scale.command("pin")
@click.argument("pool")
@click.argument("replicas", type=int)
@click.option("--for", "seconds", type=Duration(), help="Ends by itself after this time; default: until `unpin`.")
@click.option("--why", required=True, help="For whoever finds it later.")
@json_option
def pin(pool: str, replicas: int, seconds: float | None, why: str, as_json: bool) -> None:
    """Fix POOL at REPLICAS, whatever the decider asks for."""
    from fleet.catalogue import current as catalogue
    from fleet.scaling.orders import Order, checked
    from fleet.secrets import audit

    known = {name: (row.min_replicas, row.max_replicas) for name, row in catalogue().pools.items()}
    checked(pool, replicas, known)
    now = _store().now()
    until = now + seconds if seconds is not None else None
    order = Order(pool, replicas, os.environ.get("USER", "operator"), why, now, until)
    audit.record("scale.pin", pool, detail={"replicas": replicas, "why": why, "seconds": seconds or 0})
    _orders().pin(order)
    ends = f"for {seconds:.0f} s" if seconds is not None else f"until `fleet scale unpin {pool}`"
    answer(order, as_json, f"{pool} is pinned to {replicas} {ends}; it acts at the next tick")


@scale.command("unpin")
@click.argument("pool")
@json_option
def unpin(pool: str, as_json: bool) -> None:
    """Let the decider decide about POOL again."""
    from fleet.secrets import audit

    taken = _orders().unpin(pool)
    audit.record("scale.unpin", pool, detail={"had": taken is not None})
    text = f"{pool} is no longer pinned to {taken.replicas}" if taken else f"{pool} was not pinned: nothing to do"
    answer({"pool": pool, "pin": taken}, as_json, text)


def _store() -> TargetStore:
    from fleet.scaling.target_store import TargetStore
    from fleet.settings import current
    from fleet.store.client import connect

    return TargetStore(connect(), current().cell)


def _orders() -> Any:
    from fleet.scaling.orders import Orders
    from fleet.settings import current
    from fleet.store.client import connect

    return Orders(connect(), current().cell)


def _recorded(kept: TargetStore, pool: str) -> dict[str, Any]:
    from fleet.errors import UnknownName

    target = kept.described(pool)
    if target is None:
        raise UnknownName("pool", pool, kept.pools(), "no target recorded: ")
    return target


for command in (grace, manifests, diff, apply):
    scale.add_command(command)
