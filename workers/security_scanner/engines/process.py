"""How is a scanner run so that hostile source cannot hurt the worker?

Own process group, nearly empty environment, Python without the current directory on its path (a scanned file called
`yaml.py` must not be imported), bounded time, memory and output; killed with everything it started.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess  # nosec B404: fixed argument lists, no shell
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from workers.security_scanner.engines.report import EngineFailed

MAX_OUTPUT_BYTES = 32 * 1024 * 1024
KEPT_STDERR_BYTES = 4 * 1024
MAX_MEMORY_BYTES = 2 * 1024 * 1024 * 1024
MAX_FILE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """A directory to scan, a private directory for the engine's own files, and the rules of the run."""

    root: Path
    scratch: Path
    timeout_seconds: float
    honour_suppressions: bool = False


def run_engine(engine: str, command: Sequence[str], request: ScanRequest, good_codes: frozenset[int]) -> bytes:
    """Run `command` and return its standard output, or raise `EngineFailed`."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(request.scratch),
        "TMPDIR": str(request.scratch),
    }
    try:
        process = subprocess.Popen(  # nosec B603: see module docstring
            command,
            cwd=request.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as exc:
        raise EngineFailed(engine, f"it cannot be started ({exc})") from exc
    timed_out = threading.Event()

    def expire() -> None:
        timed_out.set()
        _kill(process)

    timer = threading.Timer(request.timeout_seconds, expire)
    complaint = bytearray()
    reader = threading.Thread(target=_keep_start, args=(process.stderr, complaint), daemon=True)
    with process:
        try:
            _bound(process.pid)
            timer.start()
            reader.start()
            assert process.stdout is not None  # nosec B101: asked for above
            output = process.stdout.read(MAX_OUTPUT_BYTES + 1)
            if len(output) <= MAX_OUTPUT_BYTES:
                process.wait()
        finally:  # also when the worker is told to stop in the middle
            timer.cancel()
            _kill(process)
        reader.join()
    if timed_out.is_set():
        raise EngineFailed(
            engine, f"it ran longer than {request.timeout_seconds:g} s; scan less or raise engine_timeout_seconds"
        )
    if len(output) > MAX_OUTPUT_BYTES:
        raise EngineFailed(engine, f"its report is over {MAX_OUTPUT_BYTES} bytes; scan less")
    if process.returncode not in good_codes:
        raise EngineFailed(engine, f"it ended with code {process.returncode}: {_last_line(complaint)}")
    return output


def _bound(pid: int) -> None:
    """Limit memory and file size of a process that was just started (Linux only; elsewhere time and output remain)."""
    if not hasattr(resource, "prlimit"):
        return
    try:
        resource.prlimit(pid, resource.RLIMIT_DATA, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
    except (ProcessLookupError, PermissionError):
        pass  # it is over already, or the container forbids lowering limits


def _keep_start(stream: IO[bytes], kept: bytearray) -> None:
    """Drain `stream` to its end, keeping only the first bytes."""
    while chunk := stream.read(8192):
        kept += chunk[: KEPT_STDERR_BYTES - len(kept)]


def _last_line(complaint: bytearray) -> str:
    lines = complaint.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the engine and whatever it started; harmless when they are gone."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
