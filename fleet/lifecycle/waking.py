"""How does a worker whose tasks run in threads learn that a slot is free?

Its event loop sleeps until something is readable or a timer is due. A pool of processes makes a pipe readable when a task
ends; a thread makes nothing readable, so the next task waited for a timer. Now it does.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from typing import Any


def wake_by_threads(executor: Executor, hub: Any) -> None:
    """Let every task that ends in the executor wake the event loop."""
    reader, writer = socket.socketpair()
    for end in (reader, writer):
        end.setblocking(False)
    submit: Callable[..., Future[Any]] = executor.submit

    def drain() -> None:
        with suppress(BlockingIOError):
            while reader.recv(4096):
                pass

    def wake(_: Future[Any]) -> None:
        with suppress(BlockingIOError):  # full: it is awake anyway
            writer.send(b"\x00")

    def submit_and_wake(*args: Any, **kwargs: Any) -> Future[Any]:
        future = submit(*args, **kwargs)
        future.add_done_callback(wake)
        return future

    executor.submit = submit_and_wake  # type: ignore[method-assign]
    hub.add_reader(reader, drain)
