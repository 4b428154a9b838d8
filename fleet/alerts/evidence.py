"""What should an operator see beside the number?

The tasks, pools and traces the incident is about, in at most a few lines each. Evidence is a help: when it cannot be
read, the notification goes out without it and says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

from fleet.alerts.message import Evidence, number
from fleet.alerts.states import Announcement
from fleet.alerts.windows import Moment
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import Client, available

MOST_ROWS: Final = 5
_LOOK_BACK: Final = 500
_SHOWN: Final = ("fleet_target_replicas", "fleet_ready_replicas", "ai_agent_queue_length")


def collect(client: Client, cell: str, announcement: Announcement, moment: Moment) -> Evidence:
    """Return the latest failures, the longest tasks and the pools that the incident's labels name."""
    labels = dict(announcement.incident.labels)
    rows = _ended(client, cell, labels)
    failed = [row for row in rows if row.get("state") in ("failed", "dead")][:MOST_ROWS]
    slow = sorted(rows, key=_seconds, reverse=True)[:MOST_ROWS]
    found: list[tuple[str, tuple[str, ...]]] = []
    members = announcement.incident.members
    if len(members) > 1:
        worst = sorted(members, key=lambda member: member.since)[:MOST_ROWS]
        found.append(("Series", tuple(f"{_text(member.labels)}: {number(member.value)}" for member in worst)))
    if failed:
        found.append(("Latest failures", tuple(map(_task, failed))))
    if slow and announcement.incident.rule.startswith(("high_response", "wait", "queue")):
        found.append(("Longest of the latest tasks", tuple(map(_task, slow))))
    pools = _pools(moment, labels)
    if pools:
        found.append(("Pools (target / ready / waiting)", pools))
    return found


def _ended(client: Client, cell: str, labels: Mapping[str, str]) -> list[Mapping[str, str]]:
    """Return the newest ended tasks that the labels allow."""
    with available():
        page = cast(
            "list[tuple[str, dict[str, str]]]", client.xrevrange(keys.prefix(cell) + "history", count=_LOOK_BACK)
        )
    wanted = {name: value for name, value in labels.items() if name in ("pool", "task_type", "agent_type")}
    kept: list[Mapping[str, str]] = []
    for _, fields in page:
        row = {**fields, "task_type": fields.get("type", "")}
        if all(row.get(name, value) == value for name, value in wanted.items()):
            kept.append(row)
    return kept


def _task(row: Mapping[str, str]) -> str:
    parts = [row.get("id", "?"), row["task_type"], f"pool {row['pool']}" if row.get("pool") else ""]
    if seconds := _seconds(row):
        parts.append(f"{number(seconds)} s from submission to end")
    if row.get("trace"):
        template = current().telemetry.trace_url
        parts.append(f"trace {template.replace('{trace_id}', row['trace']) if template else row['trace']}")
    if row.get("reason"):
        parts.append(row["reason"][:120])
    return ", ".join(part for part in parts if part)


def _seconds(row: Mapping[str, str]) -> float:
    return float(row.get("ended") or 0) - float(row.get("submitted") or row.get("ended") or 0)


def _pools(moment: Moment, labels: Mapping[str, str]) -> tuple[str, ...]:
    table: dict[str, list[str]] = {}
    for column, name in enumerate(_SHOWN):
        for series, value in moment.series.get(name, {}).items():
            pool = dict(series).get("pool", "")
            if labels.get("pool", pool) == pool:
                table.setdefault(pool, ["-"] * len(_SHOWN))[column] = number(value)
    return tuple(f"{pool}: {' / '.join(cells)}" for pool, cells in sorted(table.items()))[: 2 * MOST_ROWS]


def _text(labels: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name}={value}" for name, value in labels) or "all"
