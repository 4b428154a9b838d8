"""How is a network cut, or made slow, between two programs on one machine?

A TCP proxy of our own stands in for the wire. Cut, it goes silent in both directions without closing anything, as a
pulled cable does: neither side is told.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

CHUNK_BYTES = 65_536


class Proxy:
    """Forwards 127.0.0.1:`port` to a port of this machine, until told otherwise."""

    def __init__(self, target_port: int) -> None:
        self.target_port, self.port = target_port, 0
        self.delay_seconds = 0.0
        """How long every chunk is held back, in each direction."""
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._deaf: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._run(self._listen())

    def cut(self) -> None:
        """Swallow the wire: nothing passes, nobody is told, whoever connects now waits as well."""
        self._run(self._set(flows=False))

    def mute(self) -> None:
        """Let the connections of now lead nowhere for ever, while new ones work: a half-open connection."""
        self._run(self._mute())

    def heal(self) -> None:
        """Let everything pass again; what was under way meanwhile is reset, as by any router that forgot it."""
        self._run(self._set(flows=True))

    def close(self) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _listen(self) -> None:
        self._flows.set()
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _set(self, *, flows: bool) -> None:
        if not flows:
            self._flows.clear()
            return
        for writer in list(self._open):
            writer.transport.abort()
        self._flows.set()

    async def _mute(self) -> None:
        self._deaf |= self._open

    async def _close(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._server.wait_closed()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            await self._flows.wait()
            back, there = await asyncio.open_connection("127.0.0.1", self.target_port)
            self._open.add(there)
            pumps = [asyncio.ensure_future(self._pump(reader, there)), asyncio.ensure_future(self._pump(back, writer))]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
        except OSError:
            pass  # nobody listens there at the moment: the caller is told by the close
        finally:
            for end in (writer, there):
                if end is not None:
                    self._open.discard(end)
                    self._deaf.discard(end)
                    end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK_BYTES):
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                await self._flows.wait()
                if writer in self._deaf:
                    continue
                writer.write(data)
                await writer.drain()
        except OSError:
            return
