"""How is a running sandbox watched until it ends or has to be ended?

Reads its pipes, keeps only so much of what it prints, and kills the whole process session when the clock, the amount of
output or (where the scratch directory is not a file system of its own) the disk says so.
"""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from workers.sandbox.limits import Limits
from workers.sandbox.scratch import exceeds
from workers.sandbox.start import Started

LOOK_EVERY_SECONDS = 0.05
LET_GO_SECONDS = 5.0
CHUNK = 64 * 1024
REPORT_BYTES = 8 * 1024 * 1024

Ended = Literal["wall time", "output", "scratch"]


@dataclass(slots=True)
class Observed:
    """What a sandbox said and did; filled while it runs."""

    report: bytearray = field(default_factory=bytearray)
    keeper: bytearray = field(default_factory=bytearray)
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    duration_seconds: float = 0.0
    ended: Ended | None = None


@dataclass(slots=True)
class _Stream:
    """One pipe: what is kept of it, and how much may come."""

    kept: bytearray
    keep_bytes: int
    most_bytes: int
    received_bytes: int = 0

    def read(self, fd: int) -> bool:
        """Read what is there; tells whether more may come."""
        chunk = os.read(fd, CHUNK)
        self.received_bytes += len(chunk)
        self.kept += chunk[: max(0, self.keep_bytes - len(self.kept))]
        return bool(chunk)


def watch(started: Started, limits: Limits, scratch: str) -> Observed:
    """Watch until every pipe is closed; nothing of the sandbox is alive afterwards."""
    observed = Observed()
    begin = time.monotonic()
    process = started.process
    assert process.stdout is not None
    assert process.stderr is not None
    streams = {
        process.stdout.fileno(): _Stream(observed.stdout, limits.shown_bytes, limits.output_bytes),
        process.stderr.fileno(): _Stream(observed.stderr, limits.shown_bytes, limits.output_bytes),
        started.report_fd: _Stream(observed.report, REPORT_BYTES, REPORT_BYTES),
        started.keeper_fd: _Stream(observed.keeper, CHUNK, CHUNK),
    }
    try:
        with selectors.DefaultSelector() as selector:
            for fd in streams:
                selector.register(fd, selectors.EVENT_READ)
            while selector.get_map():
                _read(selector, streams)
                elapsed_seconds = time.monotonic() - begin
                if observed.ended is None:
                    observed.ended = _must_end(streams.values(), limits, scratch, elapsed_seconds)
                    if observed.ended is not None:  # and then on, until the last of them has let go of the pipes
                        _kill(process.pid)
                elif elapsed_seconds > limits.wall_seconds + LET_GO_SECONDS:
                    break
    finally:
        _kill(process.pid)
        process.wait()
        observed.duration_seconds = time.monotonic() - begin
        for stream in (process.stdout, process.stderr):
            stream.close()
        for fd in (started.report_fd, started.keeper_fd):
            os.close(fd)
    return observed


def _read(selector: selectors.BaseSelector, streams: Mapping[int, _Stream]) -> None:
    for key, _ in selector.select(LOOK_EVERY_SECONDS):
        if not streams[key.fd].read(key.fd):
            selector.unregister(key.fd)


def _must_end(streams: Iterable[_Stream], limits: Limits, scratch: str, elapsed_seconds: float) -> Ended | None:
    if elapsed_seconds > limits.wall_seconds:
        return "wall time"
    if any(stream.received_bytes > stream.most_bytes for stream in streams):
        return "output"
    if exceeds(scratch, limits.scratch_bytes, limits.scratch_files):
        return "scratch"
    return None


def _kill(session: int) -> None:
    """Kill the launcher's session; its descendants die with it."""
    try:
        os.killpg(session, signal.SIGKILL)
    except ProcessLookupError:
        pass
