"""Where does a benchmark that scales run? A throw-away local fleet of real processes, tended by a thread of its own."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fleet.errors import FleetError
from fleet.supervisor.local_fleet import LocalFleet

HERE, READY_SECONDS = Path(__file__).parent, 60.0


@contextmanager
def on_stage(
    catalogue: Path, environment: Mapping[str, str], tell: Callable[[str], None]
) -> Iterator[tuple[LocalFleet, Tending]]:
    """Run the fleet of this catalogue, ready, for the block; nothing of it is left behind."""
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as folder, _environment(folder, catalogue, environment):
        fleet = LocalFleet(
            Path(folder), extras={"flower": False, "metrics": False, "gateway": False, "llm": False}, tell=tell
        )
        fleet.start()
        tending = Tending(fleet)
        try:
            wait_for(fleet.is_ready, READY_SECONDS, "the fleet was not ready")
            yield fleet, tending
        finally:
            tending.stop()
            fleet.stop()


class Tending:
    """Tends the fleet from a thread of its own, except while a fault is being injected."""

    def __init__(self, fleet: LocalFleet) -> None:
        self._fleet, self._ended, self._lock = fleet, threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._run, name="tending", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(0.2):
            with self._lock:
                try:
                    self._fleet.tend()
                except FleetError:
                    continue

    @contextmanager
    def paused(self) -> Iterator[None]:
        with self._lock:
            yield

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(timeout=10)


@contextmanager
def _environment(folder: str, catalogue: Path, more: Mapping[str, str]) -> Iterator[None]:
    from fleet import catalogue as declared
    from fleet.dispatcher import submit
    from fleet.settings import load
    from fleet.store.client import forget

    def forget_all() -> None:
        load.cache_clear()
        declared.forget()
        submit.forget()
        forget()

    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("FLEET_")]:
        del os.environ[name]
    os.environ |= {"FLEET_STATE_DIR": folder, "FLEET_FILE": str(catalogue), "PYTHONPATH": str(HERE.parent), **more}
    forget_all()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        forget_all()


def wait_for(condition: Callable[[], bool], seconds: float, else_say: str) -> None:
    """Wait until the condition holds, or say that it did not."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{else_say} within {seconds:g} s")
        time.sleep(0.1)
