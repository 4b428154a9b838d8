"""May this worker run this attempt?"""

from __future__ import annotations

import os
from dataclasses import dataclass

from fleet.dispatcher.patience import patiently
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import connect
from fleet.store.scripts import resident

TICKET_BYTES = 4
"""Enough to tell the few who may ask for one attempt of one task apart."""


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


def claim(task_id: str, attempt: int, worker_id: str, traceparent: str = "", ticket: str = "") -> Claim:
    """Ask for the attempt; one asker gets it, once. The next attempt is told of this one's trace.

    The ticket is the asker's own, a fresh one unless given: the broker may hand a worker the same message twice.
    """
    ticket = ticket or os.urandom(TICKET_BYTES).hex()
    granted, text, *rest = patiently(
        lambda _: resident("dispatcher/claim.lua")(
            connect(), [keys.prefix(current().cell)], [task_id, attempt, worker_id, traceparent, ticket]
        )
    )
    if not granted:
        return Claim(False, text)
    held, released, earlier = rest
    return Claim(True, "", text or "default", float(held or 0), float(released or 0), earlier or "")
