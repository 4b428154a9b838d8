"""How does the whole fleet run in one terminal?"""

from __future__ import annotations

import signal
import sys
import time
from typing import Any

import click


@click.command()
@click.option("--no-flower", is_flag=True, help="Leave Flower out.")
@click.option("--no-gateway", is_flag=True, help="Leave the gateway out.")
@click.option("--no-llm", is_flag=True, help="Leave the local model server out.")
@click.option("--plain", is_flag=True, help="Print lines instead of the live view.")
def up(no_flower: bool, no_gateway: bool, no_llm: bool, plain: bool) -> None:
    """Run broker, pools, beat, Flower, metrics, gateway and a local model; Ctrl-C drains and stops."""
    from fleet.settings import current
    from fleet.supervisor.local_fleet import LocalFleet
    from fleet.supervisor.view import live_view

    is_live = sys.stdout.isatty() and not plain
    said: list[str] = []

    def tell(line: str) -> None:
        said.append(line)
        if not is_live:
            click.echo(line)

    fleet = LocalFleet(
        current().state_dir, extras={"flower": not no_flower, "gateway": not no_gateway, "llm": not no_llm}, tell=tell
    )
    stop = _Stop()
    fleet.start()
    try:
        for name, url in fleet.urls.items():
            tell(f"{name:8} {url}" + (f"   login {fleet.credentials[name]}" if name in fleet.credentials else ""))
        tell(f"logs     {fleet.log_dir}")
        with live_view(fleet, said) if is_live else _nothing() as refresh:
            told_ready = False
            while not stop.asked:
                fleet.tend()
                if not told_ready and fleet.is_ready():
                    told_ready = True
                    tell("ready: submit with  fleet submit TASK_TYPE PAYLOAD --wait")
                refresh()
                time.sleep(0.25)
    finally:
        tell("draining")
        for name in fleet.stop():
            click.echo(f"{name} did not stop in time and was killed", err=True)


class _Stop:
    """Set by Ctrl-C or SIGTERM; a second one is left to Python."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def _ask(self, number: int, _frame: Any) -> None:
        self.asked = True
        signal.signal(number, signal.SIG_DFL)


class _nothing:  # a context whose refresh does nothing
    def __enter__(self) -> Any:
        return lambda: None

    def __exit__(self, *_: object) -> None:
        return None
