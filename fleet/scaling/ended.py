"""What does the fleet remember of its ended tasks?

The bounded stream of them, page by page, oldest first: what runs took, and what a backtest replays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from fleet.store import keys
from fleet.store.client import Client, available

PAGE = 10_000


def since(client: Client, cell: str, start: float) -> Iterator[Mapping[str, str]]:
    """Yield the tasks that ended after `start` (unix seconds, the store's clock)."""
    last = f"{int(start * 1000)}-0"
    while True:
        with available():
            rows: Any = client.xrange(f"{keys.prefix(cell)}history", min=last, count=PAGE)
        for _, fields in rows:
            yield fields
        if len(rows) < PAGE:
            return
        last = f"({rows[-1][0]}"


def runs(client: Client, cell: str, start: float) -> dict[tuple[str, str], list[float]]:
    """Return (pool, task type) -> seconds that its runs took."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in since(client, cell, start):
        if row.get("started") and float(row["ended"]) > float(row["started"]):
            found[row["pool"], row["type"]].append(float(row["ended"]) - float(row["started"]))
    return dict(found)
