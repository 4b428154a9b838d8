"""How does the local fleet start, run and stop?

Broker first, then everything that needs it, all at once; ready when every pool's minimum is on the roster. Stopping goes
the other way round: producers' doors, beat, workers (drained), broker last.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from fleet import catalogue, settings
from fleet.dispatcher import declare
from fleet.errors import FleetError
from fleet.registry import roster
from fleet.store.client import CONNECTION_FILE, forget
from fleet.supervisor import local_scaler, lock, programs, valkey
from fleet.supervisor.child import Child
from fleet.supervisor.programs import Program

LEAVE_SECONDS = 30.0
SCALE_SECONDS = 1.0


class LocalFleet:
    """Every child of the supervisor."""

    def __init__(
        self, state_dir: Path, *, extras: Mapping[str, bool] | None = None, tell: Callable[[str], None] = print
    ) -> None:
        self.state_dir, self.tell = state_dir, tell
        self.extras = {"flower": True, "metrics": True, "gateway": True, "llm": True, **(extras or {})}
        self.fixed: dict[str, Child] = {}
        self.replicas: dict[str, dict[str, Child]] = {}
        self.leaving: list[Child] = []
        self.urls: dict[str, str] = {}
        self.credentials: dict[str, str] = {}
        self.events: list[str] = []
        self.broker: valkey.Broker | None = None
        self._stack = ExitStack()
        self._numbers: dict[str, int] = {}
        self._scaled = 0.0

    @property
    def log_dir(self) -> Path:
        return self.state_dir.absolute() / "logs"

    def start(self) -> None:
        """Start the broker and every program; returns before they are ready."""
        self._stack.enter_context(lock.take(self.state_dir))
        os.environ["FLEET_STATE_DIR"] = str(self.state_dir)
        if not settings.current().broker.url.get_secret_value():
            self.broker = valkey.start(self.state_dir)
            os.environ["FLEET_BROKER__URL"] = self.broker.url
        self._reload()
        self._start_llm()
        declare.publish()
        valkey.write_connection(self.state_dir, settings.current().broker.url.get_secret_value(), urls=self.urls)
        self._launch(programs.worker(programs.MAINTENANCE))
        for pool in catalogue.current().pools.values():
            if "@" not in pool.name:  # a version has workers while its rollout lives
                self._add(pool.name, pool.min_replicas)
        self._launch(programs.beat())
        self._start_doors()
        valkey.write_connection(self.state_dir, settings.current().broker.url.get_secret_value(), urls=self.urls)

    def _reload(self) -> None:
        settings.load.cache_clear()
        forget()

    def _start_llm(self) -> None:
        current = settings.current().llm
        if not self.extras["llm"] or current.provider != "local" or current.base_url:
            return
        port, key = valkey.free_port(), secrets.token_urlsafe(24)
        os.environ["FLEET_LLM__BASE_URL"], os.environ["FLEET_LLM__API_KEY"] = f"http://127.0.0.1:{port}/v1", key
        self._reload()
        self.urls["llm"] = f"http://127.0.0.1:{port}"
        self._launch(programs.llm_server(port, key))

    def _start_doors(self) -> None:
        if self.extras["flower"]:
            port, password = valkey.free_port(), secrets.token_urlsafe(12)
            self.urls["flower"] = f"http://127.0.0.1:{port}"
            self.credentials["flower"] = f"fleet:{password}"
            self._launch(programs.flower(port, "fleet", password))
        if self.extras["metrics"]:
            port = programs.port("telemetry.metrics_port")
            self.urls["metrics"] = f"http://127.0.0.1:{port}/metrics"
            self._launch(programs.own("metrics", "metrics", "--port", str(port)))
        if self.extras["gateway"]:
            port = programs.port("gateway.port")
            self.urls["gateway"] = f"http://127.0.0.1:{port}"
            self._launch(programs.own("gateway", "gateway", "--port", str(port)))

    def _launch(self, program: Program) -> Child:
        child = Child(program, self.log_dir)
        child.start()
        self.fixed[program.name] = child
        return child

    def _add(self, pool: str, count: int) -> None:
        for _ in range(count):
            self._numbers[pool] = self._numbers.get(pool, 0) + 1
            program = programs.worker(pool, str(self._numbers[pool]))
            child = Child(program, self.log_dir)
            child.start()
            self.replicas.setdefault(pool, {})[program.name] = child

    def is_ready(self) -> bool:
        """Tell whether every pool has its minimum of replicas on the roster, and the doors stand open."""
        try:
            ready: dict[str, int] = {}
            for worker in roster.workers():
                ready[worker.pool] = ready.get(worker.pool, 0) + (worker.status in ("idle", "busy"))
        except FleetError:
            return False
        enough = all(ready.get(pool.name, 0) >= pool.min_replicas for pool in catalogue.current().pools.values() if "@" not in pool.name)
        return enough and all(_answers(self.urls[name]) for name in ("llm",) if name in self.urls)

    def tend(self) -> None:
        """Restart what crashed, and follow the targets."""
        everyone = [
            *self.fixed.values(),
            *(child for pool in self.replicas.values() for child in pool.values()),
            *self.leaving,
        ]
        for child in everyone:
            if happened := child.tend():
                self.events.append(happened)
                self.tell(happened)
        self.leaving = [child for child in self.leaving if child.is_up]
        if time.monotonic() - self._scaled >= SCALE_SECONDS:
            self._scaled = time.monotonic()
            try:
                self._scale()
            except FleetError as error:
                self.tell(f"cannot scale now: {error}")

    def _scale(self) -> None:
        running = local_scaler.running_by_replica()
        up = {pool: {name: running.get(name, 0) for name in children} for pool, children in self.replicas.items()}
        wanted = local_scaler.wanted({pool: len(children) for pool, children in up.items()})
        for step in local_scaler.plan(dict.fromkeys(up, 0) | wanted, up):
            if step.start:
                self.tell(f"{step.pool}: {step.start} more")
                self._add(step.pool, step.start)
            for name in step.leave:
                self.tell(f"{step.pool}: {name} drains and leaves")
                child = self.replicas[step.pool].pop(name)
                child.stop()
                self.leaving.append(child)

    def stop(self) -> list[str]:
        """Stop everything; returns the names of children that had to be killed."""
        workers = [child for pool in self.replicas.values() for child in pool.values()]
        front = [child for name, child in self.fixed.items() if name not in (programs.MAINTENANCE, "llm")]
        rest = [self.fixed[name] for name in (programs.MAINTENANCE, "llm") if name in self.fixed]
        killed = []
        for group in ([*front, *workers, *self.leaving], rest):
            for child in group:
                child.stop()
            deadline = time.monotonic() + LEAVE_SECONDS
            killed += [child.program.name for child in group if not child.finish(deadline)]
        if self.broker is not None:
            self.broker.process.terminate()
            self.broker.process.wait(timeout=10)
        (self.state_dir / CONNECTION_FILE).unlink(missing_ok=True)
        self._stack.close()
        return killed


def _answers(url: str) -> bool:
    import httpx

    try:
        return httpx.get(f"{url}/health", timeout=0.5).status_code == 200
    except httpx.HTTPError:
        return False
