"""Which tasks does the store believe to run here that do not?

A result that could not be written down in time, or a broker that came back a second poorer, leaves a task running on
paper only. The worker knows better: what was not its own at two looks in a row is given up as lost and runs again.
"""

from __future__ import annotations

from celery.worker import state

from fleet.dispatcher.outcome import finish
from fleet.dispatcher.tasks import read
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import available, connect

LOOK_SECONDS = 2.0


def look(worker_id: str, suspects: frozenset[str]) -> frozenset[str]:
    """Give up the suspects that are orphans still; returns who is suspected from now on."""
    with available():
        claimed = connect().smembers(f"{keys.prefix(current().cell)}running:{worker_id}")
    try:
        mine = {request.id for request in (*state.reserved_requests, *state.active_requests)}
    except RuntimeError:  # the event loop changed them meanwhile; there is another look soon
        return suspects
    orphans = frozenset(map(str, claimed)) - mine
    for task_id in orphans & suspects:
        record = read(task_id)
        if record is not None and record.state == "running" and record.worker == worker_id:
            finish(task_id, record.attempt, "lost", reason=f"worker {worker_id} no longer runs it")
    return orphans - suspects
