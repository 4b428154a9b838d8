"""Who am I, as a worker?

The id names the Celery node and this very process: a restarted worker is a new worker, so that nothing of its
predecessor can be mistaken for its own. Children of the process pool inherit it.
"""

from __future__ import annotations

import os
import secrets

from fleet.dispatcher.execution import WORKER_VARIABLE as VARIABLE


def assume(nodename: str) -> str:
    """Take an identity for this process and its children."""
    os.environ[VARIABLE] = f"{nodename}#{secrets.token_hex(3)}"
    return os.environ[VARIABLE]
