"""How does a test run a fleet of real processes: a broker, and Celery workers as any user starts them?"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from conftest import forget_facts
from eventually import eventually

from fleet.dispatcher import declare
from fleet.registry import roster
from fleet.store.client import forget
from fleet.supervisor import valkey

FILE = Path(__file__).parent / "agents" / "fleet.yaml"
TESTS = Path(__file__).parent.parent


@dataclass(slots=True)
class Worker:
    """One `celery worker` process and its children."""

    process: subprocess.Popen[bytes]
    node: str
    log: Path

    @property
    def record(self) -> roster.WorkerRecord | None:
        return next((row for row in roster.workers() if row.worker_id.startswith(f"{self.node}#")), None)

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        record = self.record
        return record is not None and record.status in ("idle", "busy") and b" ready." in self.log.read_bytes()

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def tell(self, number: int) -> None:
        """Send a signal to the main process alone."""
        self.process.send_signal(number)

    def tell_everyone(self, number: int) -> None:
        """Send a signal to the main process and all its children, as a dying machine does."""
        for one in [psutil.Process(self.process.pid), *self.children()]:
            one.send_signal(number)

    def stop(self) -> None:
        if self.process.poll() is None:
            for one in [*self.children(), psutil.Process(self.process.pid)]:
                one.kill()
            self.process.wait(10)


@dataclass(slots=True)
class Cell:
    """A broker and the workers on it."""

    broker: valkey.Broker
    directory: Path
    workers: list[Worker] = field(default_factory=list)

    def start(self, pool: str, name: str, *, slots: int = 2, process: str = "prefork", queues: str = "", ready: bool = True, **more: str) -> Worker:
        log = self.directory / f"{name}.log"
        command = [
            sys.executable, "-m", "celery", "-A", "fleet.app", "worker", "-Q", queues or f"fleet.{pool}", "-c", str(slots), "-P", process,
            "-n", f"{name}@here", "-l", "INFO", "--without-gossip", "--without-mingle",
        ]  # fmt: skip
        environment = {**os.environ, "FLEET_POOL": pool, "PYTHONPATH": str(TESTS), **more}
        with log.open("ab") as out:
            child = subprocess.Popen(command, stdout=out, stderr=out, env=environment, preexec_fn=valkey.die_with_parent)
        worker = Worker(child, f"{name}@here", log)
        self.workers.append(worker)
        if ready:
            eventually(worker.is_ready, timeout=40)
        return worker

    def stop(self) -> None:
        for worker in self.workers:
            worker.stop()

    def kill_broker(self) -> None:
        self.broker.process.send_signal(signal.SIGKILL)
        self.broker.process.wait(10)

    def restart_broker(self) -> None:
        self.broker = valkey.start(self.directory, self.broker.port)


@contextmanager
def running(directory: Path, environment: Mapping[str, str] | None = None) -> Iterator[Cell]:
    """Run a cell of its own for the block, this process being its producer; another broker's URL may be in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        broker = valkey.start(directory)
        for name, value in {
            "FLEET_BROKER__URL": broker.url, "FLEET_BROKER__STORE_URL": broker.url, "FLEET_FILE": str(FILE),
            "FLEET_STATE_DIR": str(directory), **(environment or {}),
        }.items():  # fmt: skip
            patch.setenv(name, value)
        forget()
        forget_facts()
        declare.publish()
        cell = Cell(broker, directory)
        try:
            yield cell
        finally:
            cell.stop()
            # A result of Celery's unsubscribes when it is forgotten: while its broker lives, or it fails in another test.
            gc.collect()
            forget()
            cell.broker.process.kill()
            cell.broker.process.wait(10)
    forget_facts()
