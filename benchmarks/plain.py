"""Which plain Celery application is the fleet compared with? Stock Celery on Redis with acks_late, results on."""

from __future__ import annotations

import os

from celery import Celery

url = os.environ.get("FLEET_BROKER__URL", "redis://127.0.0.1:6379/0")
app = Celery("plain", broker=url, backend=url)
app.conf.update(
    task_acks_late=True, worker_prefetch_multiplier=1, task_default_queue="plain", broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=True, task_serializer="json", accept_content=["json"], result_expires=3600,
)  # fmt: skip


@app.task(name="plain.noop")  # type: ignore[untyped-decorator]
def noop(n: int = 0, at: float = 0.0) -> dict[str, float]:
    """Do nothing, and tell when."""
    import time

    return {"started": time.time(), "at": at}


@app.task(name="plain.nap")  # type: ignore[untyped-decorator]
def nap(size: float, at: float) -> float:
    """Take as long as a task of this size takes here; return the seconds since it was sent."""
    import time

    time.sleep(size / float(os.environ["BENCH_SPEED"]))
    return time.time() - at
