"""What load does history expect at this time of the week?

A ring of one week in five-minute slots, ten characters each, so that a pool's season costs 20 kB whatever its
traffic. Last week's value at the same time is believed; until there is one, yesterday's. Unwritten slots are zero and
mean nothing.
"""

from __future__ import annotations

SLOT_SECONDS = 300
SLOTS_PER_DAY = 86_400 // SLOT_SECONDS
SLOTS = 7 * SLOTS_PER_DAY
CHARACTERS_PER_SLOT = 10
AHEAD_SECONDS = 75.0


def consulted(now: float) -> tuple[int, int]:
    """Return the slots that tell what to expect one start-up time from now: last week's and yesterday's."""
    slot = _slot(now + AHEAD_SECONDS)
    return slot, (slot - SLOTS_PER_DAY) % SLOTS


def ended(now: float) -> int:
    """Return the slot that was over last: the one a mean of recent load belongs to."""
    return _slot(now - SLOT_SECONDS)


def expected(last_week: str, yesterday: str) -> float | None:
    """Return the load to expect from the two consulted slots."""
    return _load(last_week) or _load(yesterday) or None


def written(load: float) -> str:
    """Return a slot's characters."""
    return f"{load:{CHARACTERS_PER_SLOT}.4g}"


def _slot(now: float) -> int:
    return int(now // SLOT_SECONDS) % SLOTS


def _load(slot: str) -> float:
    number = slot.strip("\0 ")
    return float(number) if number else 0.0
