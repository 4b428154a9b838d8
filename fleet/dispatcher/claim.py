"""May this worker run this attempt?"""

from __future__ import annotations

from dataclasses import dataclass

from fleet.dispatcher.patience import patiently
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import connect
from fleet.store.scripts import resident


@dataclass(frozen=True, slots=True)
class Claim:
    """The fence's answer."""

    granted: bool
    reason: str = ""
    tenant: str = "default"
    held_at: float = 0.0
    """Since when it waited; 0 when unknown."""
    released_at: float = 0.0
    """When it was given to the pool."""
    earlier: str = ""
    """W3C header of the attempt before this one, where that was traced."""


def claim(task_id: str, attempt: int, worker_id: str, traceparent: str = "") -> Claim:
    """Ask for the attempt; one worker gets it, once. The next attempt is told of this one's trace."""
    granted, text, *rest = patiently(
        lambda _: resident("dispatcher/claim.lua")(
            connect(), [keys.prefix(current().cell)], [task_id, attempt, worker_id, traceparent]
        )
    )
    if not granted:
        return Claim(False, text)
    held, released, earlier = rest
    return Claim(True, "", text or "default", float(held or 0), float(released or 0), earlier or "")
