"""Which tasks has this worker begun without knowing it yet, when its connection breaks?

Celery then forgets every task that no process of its pool has reported to have begun: the broker delivers it again. But a
report is some milliseconds on its way, and a task that is forgotten in that moment runs on: it would count as lost, and run
a second time beside itself. So what was handed to a process is waited for first.
"""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from inspect import isgenerator
from typing import Any

LONGEST_SECONDS = 2.0
"""An idle process reports within milliseconds."""


def hear_who_began(pool: Any, hub: Any) -> int:
    """Take in the reports of a pool's processes until every task they hold has begun; returns how many have not."""
    processes: Any = getattr(pool, "_pool", None)
    pipes = getattr(processes, "_fileno_to_outq", None)
    if hub is None or pipes is None:  # tasks that run in this very process begin before its eyes
        return 0
    end = time.monotonic() + LONGEST_SECONDS
    while (waiting := sum(1 for _ in _handed_over(processes))) and (left := end - time.monotonic()) > 0:
        look = select.poll()
        for pipe in list(pipes):
            look.register(pipe, select.POLLIN)
        for pipe, _ in look.poll(min(left, 0.1) * 1000):
            _read(hub, pipe, processes.handle_result_event)
    return waiting


def _handed_over(processes: Any) -> Iterator[Any]:
    """Yield the tasks that a living process was sent and has not reported."""
    for job in list(processes._cache.values()):
        process = getattr(job, "_write_to", None)
        if process is not None and process._is_alive() and not job.accepted():
            yield job


def _read(hub: Any, pipe: int, handle: Any) -> None:
    """Read one report, or go on with one that has arrived in part: as the event loop does, which stands still meanwhile."""
    reader, _ = hub.readers.get(pipe, (None, ()))
    if not isgenerator(reader):
        handle(pipe)
        return
    try:
        next(reader)
    except StopIteration:
        return
    except (OSError, EOFError):
        hub.remove_reader(pipe)
