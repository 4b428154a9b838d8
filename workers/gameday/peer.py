"""Which plain Celery application is broken beside the fleet?

Stock Celery on Redis as its documentation recommends it for tasks that may run twice: late acknowledgement, lost processes
rejected, one message prefetched. Tuned, its visibility timeout is ten seconds instead of an hour.
"""

from __future__ import annotations

import os
import time

from celery import Celery, Task

from workers.gameday.task import note

URL = os.environ.get("GAMEDAY_BROKER_URL", "redis://127.0.0.1:6379/0")
QUEUE = "peer"
TUNED_SECONDS = 10

app = Celery("peer", broker=URL, backend=URL)
app.conf.update(
    task_acks_late=True, task_reject_on_worker_lost=True, worker_prefetch_multiplier=1, task_default_queue=QUEUE,
    broker_connection_retry_on_startup=True, broker_connection_max_retries=None, task_serializer="json", accept_content=["json"],
    result_expires=3600, task_publish_retry=True,
)  # fmt: skip
if os.environ.get("GAMEDAY_TUNED"):
    app.conf.broker_transport_options = {
        "visibility_timeout": TUNED_SECONDS, "unacked_restore_interval": 1, "unacked_restore_throttle": 1, "socket_timeout": 15,
        "socket_keepalive": True, "health_check_interval": 5,
    }  # fmt: skip


def point_at(url: str) -> None:
    """Have this process produce for another broker than the one it was imported with."""
    app.conf.update(broker_url=url, result_backend=url)
    app._local.__dict__.clear()
    app._pool = app._backend_cache = app.amqp._producer_pool = None


@app.task(name="peer.gameday", bind=True)  # type: ignore[untyped-decorator]
def gameday(self: Task, seconds: float, log: str) -> dict[str, int]:
    """The same work as the fleet's task of this name."""
    note(log, "start", self.request.id, 1)
    time.sleep(seconds)
    note(log, "end", self.request.id, 1)
    return {"attempt": 1}
