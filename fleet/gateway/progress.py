"""How does a client watch a task without asking again and again? Server-sent events, one per change, until it ends."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import anyio

from fleet.gateway.exchange import Answer, Call, dump
from fleet.gateway.problems import Problem
from fleet.gateway.tasks import OVER, look

MEDIA = "text/event-stream"
LOOK_SECONDS = 0.25
COMMENT_SECONDS = 15.0
LONGEST_SECONDS = 3600.0
MOST_WATCHERS = 500
_watchers = anyio.Semaphore(MOST_WATCHERS, max_value=MOST_WATCHERS)


async def watch(call: Call) -> Answer:
    """Stream a task's changes."""
    await look(call)  # 404 before the stream begins
    if _watchers.value == 0:
        raise Problem(503, "too-many-watchers", f"{MOST_WATCHERS} streams are open already", retry_after=5)
    return Answer(stream=_changes(call), media=MEDIA, headers={"cache-control": "no-store", "x-accel-buffering": "no"})


async def _changes(call: Call) -> AsyncIterator[bytes]:
    began = told = time.monotonic()
    last, number = b"", 0
    async with _watchers:
        while time.monotonic() - began < LONGEST_SECONDS:
            record, _ = await look(call)
            document = dump(record)
            if document != last:
                last, number, told = document, number + 1, time.monotonic()
                yield b"id: %d\nevent: %s\ndata: %s\n\n" % (number, record.state.encode(), document)
            if record.state in OVER:
                return
            if time.monotonic() - told > COMMENT_SECONDS:
                told = time.monotonic()
                yield b": still here\n\n"
            await anyio.sleep(LOOK_SECONDS)
