"""Layout 2: a task's record has a profile, in place of a field for each of its values.

The fields of layout 1 stay where they are, for builds that read them.
"""

from __future__ import annotations

from typing import Any

from fleet.dispatcher.profile import PROFILE, SEPARATOR
from fleet.store import keys
from fleet.store.client import Client, available

PAGE = 500
ABSENT = {
    "key_seconds": "86400",
    "contract": "1",
    "goal": "30",
    "max_attempts": "3",
    "strategy": "late_binding",
    "complexity": "0.5",
}


def add(client: Client, cell: str) -> int:
    """Give every record without a profile the one its fields make; returns how many. Doing it twice changes nothing."""
    count, cursor = 0, 0
    anyone: Any = client
    while True:
        with available():
            cursor, names = anyone.scan(cursor, match=f"{keys.prefix(cell)}task:*", count=PAGE)
            count += _page(anyone, names)
        if not cursor:
            return count


def _page(client: Any, names: list[str]) -> int:
    pipe = client.pipeline(transaction=False)
    for name in names:
        pipe.hmget(name, "profile", *PROFILE)
    rows = dict(zip(names, pipe.execute(), strict=True)) if names else {}
    old = {name: values for name, (profile, *values) in rows.items() if not profile and values[0]}
    pipe = client.pipeline(transaction=False)
    for name, values in old.items():
        text = SEPARATOR.join(str(value or ABSENT.get(field, "")) for field, value in zip(PROFILE, values, strict=True))
        pipe.hsetnx(name, "profile", text)
    return sum(pipe.execute()) if old else 0
