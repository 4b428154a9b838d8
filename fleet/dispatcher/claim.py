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


def claim(task_id: str, attempt: int, worker_id: str) -> Claim:
    """Ask for the attempt; one worker gets it, once."""
    granted, text, *rest = patiently(
        lambda _: resident("dispatcher/claim.lua")(
            connect(), [keys.prefix(current().cell)], [task_id, attempt, worker_id]
        )
    )
    return Claim(True, tenant=text or "default", held_at=float(rest[0] or 0) if rest else 0.0) if granted else Claim(False, text)
