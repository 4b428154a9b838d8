"""How does a fresh interpreter lock itself in and then run untrusted code?

Three processes: the launcher leaves the shared namespaces; its child is the keeper (first process of the new pid
namespace), which stops being root, waits and reports how the end came; the keeper's child locks the last doors, checks
that what is required was reached, and only then runs the code. Each dies with its parent.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from workers.sandbox import isolation
from workers.sandbox.inside import kernel, landlock, namespaces, rlimits, seccomp, untrusted, user

FAILED, OUT_OF_MEMORY = 70, 71
"""Exit codes of a code process that could not report its own end."""

NICENESS = 5
"""Whatever the code does with its processor time, the worker's heartbeat goes first."""


@dataclass(slots=True)
class Layers:
    """Which layers were reached, and why the others were not."""

    without: list[str]
    reached: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    def add(self, layer: str, apply: Callable[[], object]) -> bool:
        """Apply a layer and note what came of it."""
        if layer in self.without:
            self.missing[layer] = "switched off"
            return False
        try:
            apply()
        except OSError as exc:
            self.missing[layer] = exc.strerror or str(exc)
            return False
        self.reached.append(layer)
        return True

    def withdraw(self, layer: str, reason: str) -> None:
        """Take a layer back that is not worth its name here."""
        self.reached.remove(layer)
        self.missing[layer] = reason


def main(request_fd: int, report_fd: int, keeper_fd: int) -> int:
    """Run the request; everything it says goes to the two pipes."""
    parent = os.getppid()
    kernel.die_with_parent(parent)
    os.environ.clear()
    os.nice(NICENESS)
    with os.fdopen(request_fd, "rb") as file:
        file.seek(0)
        request: dict[str, Any] = json.load(file)
    layers = Layers(request["without"])
    scratch, readable, limits = request["scratch"], request["readable"], request["limits"]
    if not layers.add("namespaces", lambda: namespaces.enter(scratch, readable, limits)):
        os.chdir(scratch)
    kernel.die_with_parent(parent)  # again: entering a user namespace clears it
    keeper = os.fork()
    if keeper == 0:
        _keep(request, layers, report_fd, keeper_fd)
    os.close(report_fd)
    os.close(keeper_fd)
    os.waitpid(keeper, 0)
    return 0


def _keep(request: dict[str, Any], layers: Layers, report_fd: int, keeper_fd: int) -> None:
    """Start the code's process, wait for it, and report its end on a pipe it does not have."""
    isolated = "namespaces" in layers.reached
    counted_apart = [isolated and os.getuid() != 0]
    layers.add("unprivileged_user", lambda: counted_apart.append(user.become_nobody(library())))
    kernel.die_with_parent(0 if isolated else os.getppid())
    me = os.getpid()
    child = os.fork()
    if child == 0:
        kernel.die_with_parent(me)
        os.close(keeper_fd)
        _lock_and_run(request, layers, any(counted_apart), report_fd)
    os.close(report_fd)
    _, status, used = os.wait4(child, 0)
    end = {
        "exit": os.waitstatus_to_exitcode(status),
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_memory_bytes": used.ru_maxrss * 1024,
    }
    os.write(keeper_fd, json.dumps(end).encode())
    os._exit(0)


def _lock_and_run(request: dict[str, Any], layers: Layers, counted_apart: bool, report_fd: int) -> None:
    """Lock the last doors, compare with what is required, run the code or refuse."""
    exit_code = FAILED
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        report = untrusted.Report(report_fd, request["nonce"])
        limits = request["limits"]
        version, own_files = [0], "namespaces" in layers.reached
        layers.add("rlimits", lambda: rlimits.apply(limits, own_user_namespace=counted_apart))
        layers.add(
            "landlock", lambda: version.append(landlock.restrict(request["readable"], ["."], namespaces.DEVICES))
        )
        layers.add("seccomp", lambda: seccomp.install(os.getpid(), own_files=own_files))
        if "landlock" in layers.reached and version[-1] < landlock.TRUNCATE_SINCE and "seccomp" not in layers.reached:
            layers.withdraw("landlock", f"version {version[-1]} does not cover truncation, and seccomp is not there")
        open_points = isolation.unmet(layers.reached, request["required"])
        report.send({"isolation": layers.reached, "missing": layers.missing, "unmet": open_points})
        if not open_points:
            untrusted.run(request["source"], request["steps"], report, limits["value_bytes"])
        exit_code = 0
    except MemoryError:
        exit_code = OUT_OF_MEMORY
    except Exception as exc:
        print(f"{type(exc).__name__}: {exc}", file=sys.stderr, flush=True)
    finally:
        os._exit(exit_code)


def library() -> str:
    """Return the folder of the standard library."""
    return os.path.dirname(os.__file__)
