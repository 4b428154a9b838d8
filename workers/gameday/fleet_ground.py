"""How is the fleet itself laid open to faults?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fleet.dispatcher import tasks as records
from fleet.dispatcher.submit import TaskRequest, submit_many
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import available, connect, forget
from fleet.supervisor import valkey
from fleet.supervisor.child import Child
from fleet.supervisor.local_fleet import LocalFleet
from fleet.supervisor.programs import beat
from workers.gameday.ground import restart

POOL = "gameday"
TUNED = {
    "FLEET_LEASES__HEARTBEAT_SECONDS": "0.5", "FLEET_LEASES__LEASE_SECONDS": "1.5", "FLEET_LEASES__RELEASE_SECONDS": "2",
    "FLEET_LEASES__TICK_SECONDS": "0.1",
}  # fmt: skip
"""Settings that find a dead worker soon, at the price of four times the heartbeats."""


class FleetGround:
    """A local fleet with two beats and one pool."""

    name = "fleet"

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self.folder = folder
        self._fleet = LocalFleet(folder, extras={"flower": False, "metrics": False, "gateway": False, "llm": False}, tell=tell)

    @property
    def broker(self) -> valkey.Broker:
        assert self._fleet.broker is not None
        return self._fleet.broker

    @property
    def workers(self) -> dict[str, Child]:
        return self._fleet.replicas[POOL]

    @property
    def beats(self) -> list[Child]:
        return [child for name, child in self._fleet.fixed.items() if name.startswith("beat")]

    def start(self) -> None:
        self._fleet.start()
        first = beat()
        second = replace(first, name="beat2", command=tuple(part.replace("beat-schedule", "beat2-schedule") for part in first.command))
        child = Child(second, self._fleet.log_dir)
        child.start()
        self._fleet.fixed[second.name] = child

    def stop(self) -> None:
        self._fleet.stop()

    def tend(self) -> None:
        self._fleet.tend()

    def is_ready(self) -> bool:
        return self._fleet.is_ready()

    def start_broker(self, environment: Mapping[str, str] | None = None) -> None:
        forget()
        self._fleet.broker = restart(self.broker, self.folder, environment)

    def through(self, port: int, *, store_too: bool = True) -> dict[str, str]:
        direct = self.broker.url
        around = direct.replace(f":{self.broker.port}/", f":{port}/")
        return {"FLEET_BROKER__URL": around, "FLEET_BROKER__STORE_URL": around if store_too else direct}

    def submit(self, seconds: float, log: str, count: int) -> list[str]:
        ids = []
        for answer in submit_many(TaskRequest(POOL, {"seconds": seconds, "log": log}) for _ in range(count)):
            if isinstance(answer, Exception):
                raise answer
            ids.append(answer.id)
        return ids

    def states(self, ids: Sequence[str]) -> dict[str, str]:
        client: Any = connect()
        with available():
            pipe = client.pipeline(transaction=False)
            for task_id in ids:
                pipe.hget(keys.task(current().cell, task_id), "state")
            return {task_id: state or "unknown" for task_id, state in zip(ids, pipe.execute(), strict=True)}

    def accepted(self, ids: Sequence[str], ends: Mapping[str, int]) -> dict[str, int]:
        done = Counter(entry.task_id for entry in records.search(state="done", limit=1_000_000))
        return {task_id: done[task_id] for task_id in ids}
