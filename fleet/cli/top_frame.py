"""What does one picture of `fleet top` show?

Everything that matters in 80 x 24: what does not fit is counted, never dropped silently.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from fleet.cli.top_keys import HELP, Watch
from fleet.diagnostics import emergency, words
from fleet.diagnostics.glance import Glance, PoolGlance

STYLES = {"critical": "bold red", "warning": "yellow", "info": "cyan"}
FRAME_LINES = 7
"""Title, three heads, two blanks, footer."""
EMERGENCY_LINES = 3
POOL_NUMBERS = 59
"""Columns that a pool's numbers take; its name has the rest."""


def frame(glance: Glance, watch: Watch, height: int, width: int) -> Group:
    """Return the picture, at most `height` lines high and made for `width` columns."""
    below = _below(watch)
    warned = _emergency(glance, width)
    room = max(3, height - FRAME_LINES - len(below) - len(warned))
    for_incidents = min(len(glance.incidents) or 1, max(1, room // 4))
    for_held = min(len(glance.lanes) or 1, max(1, room // 3))
    for_pools = max(1, room - for_incidents - for_held)
    return Group(
        _title(glance),
        *warned,
        _pools(glance, watch, for_pools, width),
        Text(),
        _held(glance, for_held),
        Text(),
        _incidents(glance, for_incidents),
        *below,
    )


def _title(glance: Glance) -> Text:
    count = Counter(worker.status for worker in glance.workers)
    workers = ", ".join(f"{number} {status}" for status, number in sorted(count.items())) or "none"
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"fleet {glance.cell}", "bold")
    line.append(f"  {words.clock(glance.at)} UTC  workers: {workers}")
    line.append(f"  last hour: {words.dollars(glance.spent_last_hour_usd)} USD")
    return line


def _emergency(glance: Glance, width: int) -> list[Text]:
    """Say which submissions are throttled, until when, how it is ended and why."""
    if not glance.emergency:
        return []
    said = f"EMERGENCY: {emergency.said(glance.emergency)}"
    lines = textwrap.wrap(said, width, max_lines=EMERGENCY_LINES, placeholder=" ...")
    return [Text(line, STYLES["critical"], no_wrap=True, overflow="ellipsis") for line in lines]


def _pools(glance: Glance, watch: Watch, room: int, width: int) -> Table:
    table = _table("pool", "target", "ready", "slots", "in flight", "held", "success", "mean", "state")
    table.columns[0].max_width = max(8, width - POOL_NUMBERS)
    first, last = _window(len(glance.pools), room, watch.chosen)
    for number, pool in enumerate(glance.pools[first:last], first):
        table.add_row(
            pool.name,
            "-" if pool.target is None else str(pool.target),
            Text(str(pool.ready), "yellow" if pool.target is not None and pool.ready < pool.target else ""),
            str(pool.slots),
            str(pool.busy),
            str(pool.held),
            Text(words.share(pool.success_rate), _share_style(pool.success_rate)),
            _roughly(pool.service_seconds),
            _state(pool),
            style="reverse" if number == watch.chosen else "",
        )
    return _rest(table, len(glance.pools) - (last - first))


def _held(glance: Glance, room: int) -> Table:
    table = _table("held", "tasks", "oldest waits", "state")
    lanes = sorted(glance.lanes, key=lambda lane: -lane.age_seconds)
    shown = _fit(len(lanes), room)
    for lane in lanes[:shown]:
        paused = Text(f"paused: {lane.paused}", "yellow") if lane.paused else Text("waiting")
        table.add_row(lane.task_type, str(lane.held), words.lasting(lane.age_seconds), paused)
    if not lanes:
        table.add_row(Text("nothing waits", "green"))
    return _rest(table, len(lanes) - shown)


def _incidents(glance: Glance, room: int) -> Table:
    table = _table("incident", "severity", "since", "status")
    shown = _fit(len(glance.incidents), room)
    for one in glance.incidents[:shown]:
        by = f" by {one.acknowledged_by}" if one.acknowledged_by else ""
        since = words.lasting(max(0.0, glance.at - one.since))
        table.add_row(one.key, Text(one.severity, STYLES[one.severity]), since, one.status + by)
    if not glance.incidents:
        table.add_row(Text("none", "green"))
    return _rest(table, len(glance.incidents) - shown)


def _below(watch: Watch) -> list[Text]:
    lines = [*watch.shown]
    if watch.asks.startswith("drain"):
        lines += [f"{key}  {target}" for key, _, target in watch.offers]
    footer = Text(watch.asks or watch.said or HELP, "bold" if watch.asks else "dim")
    return [*(Text(line, no_wrap=True, overflow="ellipsis") for line in lines), _one_line(footer)]


def _one_line(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold cyan")
    table.add_column(first, no_wrap=True, overflow="ellipsis")
    for name in others:
        is_word = name in ("state", "severity", "status")
        table.add_column(name, justify="left" if is_word else "right", no_wrap=True, overflow="ellipsis")
    return table


def _state(pool: PoolGlance) -> Text:
    if pool.paused:
        return Text("paused", "yellow")
    return Text("ejected", STYLES["critical"]) if pool.is_ejected else Text("open", "green")


def _roughly(seconds: float) -> str:
    """Return a duration in its largest unit."""
    return " ".join(words.lasting(seconds).split()[:2])


def _share_style(share: float) -> str:
    return STYLES["critical"] if share < 0.8 else STYLES["warning"] if share < 0.9 else ""


def _fit(count: int, room: int) -> int:
    """Return how many rows fit when the rest needs a line to be counted on."""
    return count if count <= room else room - 1


def _window(count: int, room: int, chosen: int) -> tuple[int, int]:
    """Return the rows to show so that the chosen one is among them."""
    shown = max(1, _fit(count, room))
    first = min(max(0, chosen - shown + 1), max(0, count - shown))
    return first, min(count, first + shown)


def _rest(table: Table, hidden: int) -> Table:
    if hidden > 0:
        cells: Sequence[Text] = [Text(f"and {hidden} more", "dim")]
        table.add_row(*cells)
    return table
