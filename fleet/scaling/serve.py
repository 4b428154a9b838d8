"""How does the scaler run as a program?

One asyncio loop: the gRPC server, its activity watcher, and a quiet end on SIGTERM. It needs the store and nothing
else, so as many replicas as availability asks for may run.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from fleet.scaling.external_scaler import start
from fleet.scaling.scaler_tls import Tls
from fleet.scaling.target_store import TargetStore
from fleet.settings import Settings
from fleet.store.client import connect


def serve(
    settings: Settings, listen: str, tls: Tls | None = None, started: Callable[[int], None] | None = None
) -> None:
    """Serve until SIGTERM or SIGINT; `started` is told the port."""
    asyncio.run(_serve(settings, listen, tls, started))


async def _serve(settings: Settings, listen: str, tls: Tls | None, started: Callable[[int], None] | None) -> None:
    source = TargetStore(connect(settings=settings), settings.cell)
    server = await start(source, settings.cell, listen, settings.scaling.stale_seconds, tls)
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    if started is not None:
        started(server.port)
    await told.wait()
    await server.stop()
