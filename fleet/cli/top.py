"""How is the fleet watched, and helped along, from a terminal? (`fleet top`)"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from fleet.cli.answer import answer, json_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet.cli.top_keys import Watch
    from fleet.diagnostics.acts import Done
    from fleet.diagnostics.glance import Glance

LINES_OF_A_PIPE, COLUMNS_OF_A_PIPE = 24, 80


@click.command()
@click.option("--every", default=2.0, show_default=True, type=click.FloatRange(0.2), help="Seconds between two looks.")
@click.option("--once", is_flag=True, help="Print one picture and end.")
@json_option
def top(every: float, once: bool, as_json: bool) -> None:
    """Watch pools, held tasks, workers, cost and incidents; drain, pause, resume and explain by key."""
    from fleet.diagnostics.glance import fleet_at_a_glance

    if as_json:
        answer(fleet_at_a_glance(), True, "")
    elif once or not (sys.stdin.isatty() and sys.stdout.isatty()):
        _print(fleet_at_a_glance())
    else:
        _watch(every)


def _print(glance: Glance) -> None:
    from rich.console import Console

    from fleet.cli.top_frame import frame
    from fleet.cli.top_keys import Watch

    console = Console()
    if not console.is_terminal:
        console = Console(width=COLUMNS_OF_A_PIPE, height=LINES_OF_A_PIPE)
    console.print(frame(glance, Watch(), console.height - 1, console.width))


def _watch(every: float) -> None:
    from rich.console import Console
    from rich.live import Live

    from fleet.cli.top_frame import frame
    from fleet.cli.top_keys import Watch, keyboard, press
    from fleet.diagnostics.glance import fleet_at_a_glance
    from fleet.errors import FleetError

    console, watch, glance = Console(), Watch(), fleet_at_a_glance()
    with keyboard() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        look_again = time.monotonic() + every
        while not watch.is_over:
            live.update(frame(glance, watch, console.height, console.width), refresh=True)
            key = pressed(max(0.0, look_again - time.monotonic()))
            if key:
                watch = _fulfilled(press(watch, key, glance))
            if key is None or not watch.asks:
                try:
                    glance = fleet_at_a_glance()
                except FleetError as error:
                    watch = watch.saying(str(error))
                look_again = time.monotonic() + every


def _fulfilled(watch: Watch) -> Watch:
    """Do what the key asked for, and say what became of it."""
    from fleet.diagnostics.acts import Wish, act
    from fleet.errors import FleetError
    from fleet.secrets import audit

    if watch.explains:
        return watch.showing(_explained(watch.explains))
    if not watch.wish:
        return watch
    verb, target = watch.wish
    do: Callable[[Wish], Done] = act
    try:
        done = do(Wish(verb, target, audit.process_actor(), "fleet top"))
    except FleetError as error:
        return watch.saying(str(error))
    return watch.saying(done.said)


def _explained(pool: str) -> tuple[str, ...]:
    """Say why the pool has its target, from the recorded decision."""
    from fleet.scaling.target_store import TargetStore
    from fleet.settings import current
    from fleet.store.client import connect

    target = TargetStore(connect(), current().cell).described(pool)
    if target is None:
        return (f"{pool}: no target yet; targets appear when beat's job `scaling` has run",)
    limits = (
        f"{'*' if limit['name'] == target['binding'] else ' '} {limit['name']} {limit['kind']} {limit['replicas']}: {limit['why']}"
        for limit in target["considered"]
    )
    return (f"{pool}: {target['replicas']} replicas by {target['policy']}", target["reason"], *limits)
