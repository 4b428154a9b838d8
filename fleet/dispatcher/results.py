"""Where is a task's result?

In the result backend of the cell that ran it. Celery's application has one backend, that of this process's own cell; those
of other cells are opened beside it, each thread its own, as Celery does with its first.
"""

from __future__ import annotations

import threading
from typing import Any

from fleet.store.client import store_url
from fleet.store.credentials import celery_url

_opened = threading.local()


def of(task_id: str) -> Any:
    """Return Celery's AsyncResult of the task, in the cell we speak to."""
    from fleet.app import app

    url = celery_url(store_url())
    if app.conf.result_backend.endswith(f"+{url}"):
        return app.AsyncResult(task_id)
    known = _opened.__dict__.setdefault("backends", {})
    if url not in known:
        from fleet.dispatcher.outcome import FleetBackend

        known[url] = FleetBackend(app=app, url=url)
    return app.AsyncResult(task_id, backend=known[url])
