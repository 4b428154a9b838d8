"""Who hears of it when the fleet itself ends a task?

A worker that ends a task tells the chord and the error callbacks that wait for it. For tasks that ended in a script (a
deadline, a cancel, too many lost workers) the tick hands their ids to this module, which does the same.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import orjson
from celery.app.task import Context
from celery.exceptions import TaskRevokedError

from fleet.dispatcher.errors import TaskFailed
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import available, connect


def tell(task_ids: Sequence[str]) -> None:
    """Tell whoever waits for these tasks how they ended."""
    from fleet.app import app

    for task_id in task_ids:
        with available():
            text, state, reason = connect().hmget(keys.task(current().cell, task_id), "envelope", "state", "reason")
        if text is None:
            continue
        message = orjson.loads(str(text).replace("\x1f", "0").replace("\x1e", ""))
        _, _, embed = orjson.loads(base64.b64decode(message["body"]))
        error: Exception = TaskRevokedError(reason) if state == "cancelled" else TaskFailed(reason)
        app.backend.tell_failure(task_id, error, Context({**message["headers"], **embed}))
