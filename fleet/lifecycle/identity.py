"""Who am I, as a worker?

The id names the Celery node and this very process: a restarted worker is a new worker, so that nothing of its
predecessor can be mistaken for its own. Children of the process pool inherit it.
"""

from __future__ import annotations

import os
import secrets

VARIABLE = "FLEET_WORKER_ID"


def assume(nodename: str) -> str:
    """Take an identity for this process and its children."""
    os.environ[VARIABLE] = f"{nodename}#{secrets.token_hex(3)}"
    return os.environ[VARIABLE]


def current() -> str:
    """Return the id taken, or an empty string outside a fleet worker."""
    return os.environ.get(VARIABLE, "")
