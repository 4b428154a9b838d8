"""How is a sandbox process started, and what does it get to see of this machine?

A request in an anonymous file, two pipes back, an empty environment, and the folders of the interpreter's own library
and of the C library: nothing else of this process is inherited.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from workers.sandbox import inside
from workers.sandbox.limits import Limits
from workers.sandbox.program import Program

LAUNCHER = Path(inside.__file__).with_name("__main__.py")
PACKAGES = LAUNCHER.parents[3]
SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo")


@dataclass(frozen=True, slots=True)
class Started:
    """A running sandbox: its launcher process and the pipes it answers on."""

    process: subprocess.Popen[bytes]
    report_fd: int
    keeper_fd: int


def start(
    program: Program, limits: Limits, required: Collection[str], without: Collection[str], scratch: str, nonce: str
) -> Started:
    """Start the launcher with this request."""
    request = {
        "source": program.source,
        "steps": [(step.kind, step.source) for step in program.steps],
        "limits": dataclasses.asdict(limits),
        "required": sorted(required),
        "without": sorted(without),
        "scratch": scratch,
        "readable": readable(),
        "nonce": nonce,
    }
    opened: list[int] = []
    try:
        request_fd = os.memfd_create("sandbox-request", os.MFD_CLOEXEC)
        opened.append(request_fd)
        with os.fdopen(request_fd, "wb", closefd=False) as file:
            file.write(json.dumps(request).encode())
        report_fd, report_end = os.pipe()
        opened += [report_fd, report_end]
        keeper_fd, keeper_end = os.pipe()
        opened += [keeper_fd, keeper_end]
        given = (request_fd, report_end, keeper_end)
        process = subprocess.Popen(
            [interpreter(), "-I", "-S", "-B", str(LAUNCHER), str(PACKAGES), *map(str, given)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={},
            cwd="/",
            pass_fds=given,
            start_new_session=True,
        )
    except BaseException:
        for fd in opened:
            os.close(fd)
        raise
    for fd in given:
        os.close(fd)
    return Started(process, report_fd, keeper_fd)


def interpreter() -> str:
    """Return the interpreter behind a virtual environment, so that the environment need not be readable."""
    return str(getattr(sys, "_base_executable", "") or sys.executable)


def readable() -> tuple[str, ...]:
    """Return what an interpreter must be able to read: its library, shared libraries, time zones; none nested."""
    paths = dict.fromkeys((os.path.dirname(os.__file__), *(path for path in SYSTEM if os.path.exists(path))))
    return tuple(path for path in paths if not any(path.startswith(other + "/") for other in paths))
