"""How is one child process kept alive, and how is it stopped?

A child that ends unasked is started again with a growing pause; its output goes to a file of its own. Stopping is
SIGTERM, a grace period, then SIGKILL for its whole process group.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from fleet.supervisor.programs import Program
from fleet.supervisor.valkey import die_with_parent

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, HEALTHY_SECONDS = 0.5, 30.0, 30.0


class Child:
    """A program and the process that runs it now."""

    def __init__(self, program: Program, log_dir: Path) -> None:
        self.program = program
        self.log = log_dir / f"{program.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.restarts = 0
        self.last_exit: int | None = None
        self.is_leaving = False
        self._pause = FIRST_PAUSE_SECONDS
        self._started = 0.0
        self._due = 0.0
        self._kill_at: float | None = None

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start the process; it dies with its parent, whatever happens to the parent."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.program.command, env={**os.environ, **self.program.environment}, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                preexec_fn=_own_group, close_fds=True,
            )  # fmt: skip
        self._started = time.monotonic()

    def tend(self) -> str | None:
        """Look after the child; returns what happened, if anything did."""
        now = time.monotonic()
        if self.is_leaving:
            if self.is_up and self._kill_at is not None and now > self._kill_at:
                self._signal(signal.SIGKILL)
                return f"{self.program.name} did not stop within {self.program.grace_seconds:g} s and was killed"
            return None
        if self.process is None or self.is_up:
            if now - self._started > HEALTHY_SECONDS:
                self._pause = FIRST_PAUSE_SECONDS
            return None
        if not self._due:
            self.last_exit = self.process.returncode
            self._due, said = now + self._pause, self._pause
            self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
            return f"{self.program.name} ended with {self.last_exit}; starting it again in {said:g} s (see {self.log})"
        if now >= self._due:
            self._due = 0.0
            self.restarts += 1
            self.start()
        return None

    def stop(self) -> None:
        """Ask it to stop; `tend` kills it after its grace period."""
        self.is_leaving = True
        if self.is_up:
            self._kill_at = time.monotonic() + self.program.grace_seconds
            assert self.process is not None
            # Only the main process: Celery's pool children must finish their tasks.
            self.process.send_signal(signal.SIGTERM)

    def finish(self, deadline: float) -> bool:
        """Wait for a stopping child until the deadline (monotonic); then kill its group. Returns whether it went by itself."""
        if self.process is None:
            return True
        try:
            self.process.wait(timeout=max(0.1, deadline - time.monotonic()))
            went = True
        except subprocess.TimeoutExpired:
            went = False
        self._signal(signal.SIGKILL)
        self.process.wait()
        return went

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass


def _own_group() -> None:
    os.setpgid(0, 0)
    die_with_parent()
