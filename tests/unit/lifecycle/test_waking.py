"""Does a task that ends in a thread wake the worker's event loop?"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from kombu.asynchronous import Hub

from fleet.lifecycle.waking import wake_by_threads


def test_every_end_makes_the_sleeping_loop_readable() -> None:
    hub, gate = Hub(), threading.Event()
    with ThreadPoolExecutor(2) as threads:
        wake_by_threads(threads, hub)
        loop = hub.create_loop()
        for _ in range(3):
            gate.clear()
            future = threads.submit(gate.wait)
            threading.Timer(0.05, gate.set).start()
            events = hub.poller.poll(30)  # would sleep all that time, had nobody woken it
            assert events
            assert future.done()
            hub.call_soon(lambda: None)
            next(loop)  # the reader takes what made it readable
            assert not hub.poller.poll(0)
        for _ in range(5000):  # far more than a socket's buffer holds
            threads.submit(int)
    assert hub.poller.poll(30)
    hub.close()
