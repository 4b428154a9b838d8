"""Where do the processes of this worker stand? What it answers when a performance investigation asks.

The main process looks at its own threads. A child that runs a task cannot be asked: it is sent a signal, upon which
`faulthandler` writes the stacks of its threads into a file of its own, without waiting for the interpreter and without
any value. An answer holds what was written since the one before, so that the event loop never waits.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from types import FrameType
from typing import Any, Final

from celery import signals
from celery.worker.control import inspect_command

from fleet.dispatcher.execution import WORKER_VARIABLE
from fleet.telemetry import logs

COMMAND: Final = "fleet_stacks"
ASKED_BY: Final = signal.SIGUSR2
MOST_CHILDREN: Final = 32
MOST_FRAMES: Final = 40
LONGEST: Final = 4_000
_LOG = "lifecycle"


class Stacks:
    """The files children write to; one folder for a worker, made before the fork."""

    def __init__(self) -> None:
        self.missing = "nothing has been prepared before the fork"
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._file: Any = None

    def begin(self) -> None:
        """Before the fork: whoever is born is never killed by the signal, even before it has a file of its own."""
        if signal.getsignal(ASKED_BY) is not signal.SIG_DFL:
            self.missing = f"{ASKED_BY.name} is used by somebody else in this worker"
            return
        try:
            self._folder = tempfile.TemporaryDirectory(prefix="fleet-stacks-")
            self._write_to("parent")
            self.missing = ""
        except OSError as error:
            self._folder, self.missing = None, f"no folder for temporary files: {error}"
            logs.get(_LOG).warning("stacks_unavailable", reason=self.missing, next_step="give the worker a writable TMPDIR")

    def begin_in_child(self) -> None:
        if self._folder is not None:
            self._write_to(str(os.getpid()))

    def end_in_child(self) -> None:
        if self._folder is not None:
            (Path(self._folder.name) / str(os.getpid())).unlink(missing_ok=True)

    def of_child(self, pid: int) -> str:
        """Return what the child wrote since it was asked last, and ask it again; empty at first."""
        if self._folder is None:
            return ""
        file = Path(self._folder.name) / str(pid)
        try:
            written = file.read_text(errors="replace")[:LONGEST]
            os.truncate(file, 0)
            os.kill(pid, ASKED_BY)
        except OSError:  # it has ended, or has not begun
            return ""
        return written

    def _write_to(self, name: str) -> None:
        assert self._folder is not None
        self._file = (Path(self._folder.name) / name).open("ab", buffering=0)
        faulthandler.register(ASKED_BY, file=self._file, all_threads=True, chain=False)


STACKS = Stacks()


@signals.worker_init.connect(weak=False)  # type: ignore[untyped-decorator]
def _begin(**_: Any) -> None:
    STACKS.begin()


@signals.worker_process_init.connect(weak=False)  # type: ignore[untyped-decorator]
def _begin_in_child(**_: Any) -> None:
    STACKS.begin_in_child()


@signals.worker_process_shutdown.connect(weak=False)  # type: ignore[untyped-decorator]
def _end_in_child(**_: Any) -> None:
    STACKS.end_in_child()


@inspect_command(name=COMMAND)  # type: ignore[untyped-decorator]
def fleet_stacks(state: Any, **_: Any) -> dict[str, Any]:
    """Return where each process stands, and which tasks it runs."""
    consumer = state.consumer
    running: defaultdict[int, list[str]] = defaultdict(list)
    for request in list(consumer.controller.state.active_requests):
        running[request.worker_pid or os.getpid()].append(f"{request.name} {request.id}")
    children = [child.pid for child in getattr(getattr(consumer.pool, "_pool", None), "_pool", ())]
    processes = {str(pid): {"runs": running[pid], "stack": STACKS.of_child(pid)} for pid in children[:MOST_CHILDREN]}
    processes[str(os.getpid())] = {"runs": running[os.getpid()], "stack": own_stack()}
    return {
        "worker": os.environ.get(WORKER_VARIABLE, ""),
        "host": socket.gethostname(),
        "processes": processes,
        "left_out": max(0, len(children) - MOST_CHILDREN),
        "missing": STACKS.missing if children else "",
    }


def own_stack() -> str:
    """Return the stacks of this process's threads, newest call first, without source lines."""
    parts: list[str] = []
    for thread, frame in sys._current_frames().items():
        lines = [f"Thread {thread:#x} (most recent call first):"]
        here: FrameType | None = frame
        while here is not None and len(lines) <= MOST_FRAMES:
            lines.append(f'  File "{here.f_code.co_filename}", line {here.f_lineno} in {here.f_code.co_name}')
            here = here.f_back
        parts.append("\n".join(lines))
    return "\n\n".join(parts)[:LONGEST]
