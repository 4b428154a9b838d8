"""What does `fleet up` show while it runs?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fleet.dispatcher import pools
from fleet.errors import FleetError
from fleet.registry import roster
from fleet.supervisor import local_scaler
from fleet.supervisor.local_fleet import LocalFleet

LINES = 8


@contextmanager
def live_view(fleet: LocalFleet, said: list[str]) -> Iterator[Callable[[], None]]:
    """Show pools and the last events, refreshed by the function yielded."""
    with Live(_picture(fleet, said), refresh_per_second=4) as live:
        yield lambda: live.update(_picture(fleet, said))


def _picture(fleet: LocalFleet, said: list[str]) -> Group:
    table = Table(title="Agent Fleet", title_justify="left", expand=False)
    for head in ("pool", "target", "replicas", "slots", "in flight", "held", "success", "mean s"):
        table.add_column(head, justify="left" if head == "pool" else "right")
    try:
        up = {pool: len(children) for pool, children in fleet.replicas.items()}
        targets, held = local_scaler.wanted(up), pools.held_by_type()
        for row in pools.status():
            replicas = sum(child.is_up for child in fleet.replicas.get(row.name, {}).values())
            table.add_row(
                row.name, str(targets.get(row.name, 0)), str(replicas), str(row.slots), str(row.inflight), str(row.held),
                f"{row.success_rate:.0%}", f"{row.service_seconds:.2f}",
            )  # fmt: skip
        waiting = ", ".join(f"{lane} {count}" for lane, count in held.items()) or "nothing"
        footer = f"held: {waiting}   workers: {len(roster.workers())}   Ctrl-C drains and stops"
    except FleetError as error:
        footer = f"no answer from the store: {error}"
    doors = "\n".join(
        f"{name:8} {url}" + (f"   login {fleet.credentials[name]}" if name in fleet.credentials else "")
        for name, url in fleet.urls.items()
    )
    return Group(table, Text(footer), Text(doors, style="cyan"), Text("\n".join(said[-LINES:]), style="dim"))
