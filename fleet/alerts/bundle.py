"""What does a performance investigation collect?

What will be gone later: stacks of the workers, the slowest of the latest tasks, how pools and queues stand. Each part is
bounded in size and time, and a part that cannot be had says why.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, cast

from fleet.alerts import signals, stacks
from fleet.alerts.actions.plan import Request
from fleet.scaling.target_store import TargetStore
from fleet.store import keys
from fleet.store.client import Client, available
from fleet.telemetry.redaction import redact

LATEST_TASKS: Final = 1_000
SLOWEST: Final = 20
LONGEST_BUNDLE: Final = 1_000_000


def collect(client: Client, cell: str, request: Request, now: float) -> str:
    """Return the bundle as JSON text, without secrets."""
    parts: dict[str, Callable[[], Any]] = {
        "stacks": stacks.told,
        "stacks_here": stacks.seen,
        "slowest_tasks": lambda: slowest(client, cell),
        "targets": lambda: TargetStore(client, cell).all(),
        "signals": lambda: _signals(client, cell, now),
    }
    found: dict[str, Any] = {"why": request.why, "at": now, "subjects": [dict(subject) for subject in request.subjects]}
    for name, part in parts.items():
        try:
            found[name] = part()
        except Exception as error:  # a part that fails must not cost the others
            found[name] = {"missing": f"{type(error).__name__}: {error}"}
    text = json.dumps(redact(found))
    for name in ("stacks_here", "stacks"):
        if len(text) > LONGEST_BUNDLE:
            found[name] = {"missing": f"the bundle would have had {len(text)} characters, more than {LONGEST_BUNDLE}"}
            text = json.dumps(redact(found))
    return text


def slowest(client: Client, cell: str) -> list[dict[str, str]]:
    """Return the slowest of the latest ended tasks."""
    with available():
        page = cast(
            "list[tuple[str, dict[str, str]]]", client.xrevrange(keys.prefix(cell) + "history", count=LATEST_TASKS)
        )

    def seconds(row: dict[str, str]) -> float:
        return float(row.get("ended") or 0) - float(row.get("submitted") or row.get("ended") or 0)

    return sorted((fields for _, fields in page), key=seconds, reverse=True)[:SLOWEST]


def _signals(client: Client, cell: str, now: float) -> dict[str, float]:
    seen = signals.gather(client, cell, now)
    shown = [one for one in seen.derived if one.name != "ai_agent_load"]
    return {f"{one.name}{{{','.join(f'{name}={value}' for name, value in one.labels)}}}": one.value for one in shown}
