"""Where does a benchmark run? A throw-away broker, and workers of both kinds as processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil

from fleet import catalogue, settings
from fleet.cli.progress import progress
from fleet.dispatcher import declare, submit
from fleet.store.client import connect, forget
from fleet.supervisor import valkey

T = TypeVar("T")
HERE = Path(__file__).parent


@contextmanager
def broker() -> Iterator[None]:
    """A broker of its own for the block; this process is its producer."""
    with tempfile.TemporaryDirectory() as directory:
        running = valkey.start(Path(directory))
        os.environ.update(FLEET_BROKER__URL=running.url, FLEET_STATE_DIR=directory, FLEET_FILE=str(HERE / "fleet.yaml"))
        settings.load.cache_clear()
        catalogue.forget()
        submit.forget()
        forget()
        declare.publish()
        try:
            yield
        finally:
            forget()
            running.process.kill()
            running.process.wait()


def part(what: str, measure: Callable[[], T]) -> T:
    """Run one part of a long benchmark and tell whoever waits at a terminal."""
    with progress(f"measuring {what}", as_json="--json" in sys.argv):
        return measure()


@contextmanager
def worker(
    app: str, queue: str, slots: int = 2, *, process: str = "prefork", environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker of either kind, for the block; it may still be starting."""
    with tempfile.NamedTemporaryFile() as log:
        command = [
            sys.executable, "-m", "celery", "-A", app, "worker", "-Q", queue, "-c", str(slots), "-l", "WARNING",
            "--without-gossip", "--without-mingle", "-n", f"{queue}-{os.urandom(2).hex()}@bench", "-P", process,
        ]  # fmt: skip
        variables = {**os.environ, "PYTHONPATH": str(HERE.parent), "FLEET_POOL": "bench", **(environment or {})}
        child = subprocess.Popen(command, stdout=log, stderr=log, env=variables, preexec_fn=valkey.die_with_parent)
        try:
            yield child
            if child.poll() is not None:
                raise RuntimeError(Path(log.name).read_text())
        finally:
            children = psutil.Process(child.pid).children(recursive=True) if child.poll() is None else []
            child.terminate()
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:  # plain Celery may hang in its farewell on a busy machine
                child.kill()
                for one in children:
                    with suppress(psutil.NoSuchProcess):
                        one.kill()
                child.wait()


def until(is_so: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait for the workers to get there; no benchmark waits for ever for one that died."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise RuntimeError("the workers are not where they should be: is the machine very busy?")
        time.sleep(0.02)


def empty() -> None:
    """Forget everything but the declaration."""
    connect().flushall()
    declare.publish()
