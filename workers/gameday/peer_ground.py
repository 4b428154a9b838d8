"""How is plain Celery laid open to the same faults?"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fleet.store.client import available, connect, forget
from fleet.supervisor import valkey
from fleet.supervisor.child import Child
from fleet.supervisor.programs import FAST_FLAGS, Program
from workers.gameday.ground import SLOTS, WORKERS, restart


class PeerGround:
    """Stock Celery workers on an embedded broker, supervised as the fleet supervises its own."""

    def __init__(self, folder: Path, tell: Callable[[str], None], *, is_tuned: bool = False) -> None:
        self.name, self.folder, self._tell = "celery tuned" if is_tuned else "celery", folder, tell
        self._tuned = {"GAMEDAY_TUNED": "1"} if is_tuned else {}
        self.workers: dict[str, Child] = {}
        self.beats: list[Child] = []
        self._broker: valkey.Broker | None = None

    @property
    def broker(self) -> valkey.Broker:
        assert self._broker is not None
        return self._broker

    def start(self) -> None:
        self._broker = valkey.start(self.folder)
        os.environ.update({"GAMEDAY_BROKER_URL": self.broker.url, "FLEET_BROKER__URL": self.broker.url, **self._tuned})
        forget()
        from workers.gameday.peer import point_at

        point_at(self.broker.url)
        for number in range(1, WORKERS + 1):
            name = f"peer.{number}"
            command = (
                sys.executable, "-m", "celery", "-A", "workers.gameday.peer", "worker", "-c", str(SLOTS), "-l", "INFO",
                "-n", f"{name}@{socket.gethostname()}", *FAST_FLAGS,
            )  # fmt: skip
            child = Child(Program(name, command, self._tuned, 20.0), self.folder / "logs")
            child.start()
            self.workers[name] = child

    def stop(self) -> None:
        for child in self.workers.values():
            child.stop()
            child.finish(0.0)
        self.broker.process.kill()
        self.broker.process.wait(timeout=10)

    def tend(self) -> None:
        for child in list(self.workers.values()):
            if happened := child.tend():
                self._tell(happened)

    def is_ready(self) -> bool:
        from workers.gameday.peer import app

        return len(app.control.ping(timeout=3.0) or ()) >= WORKERS

    def start_broker(self, environment: Mapping[str, str] | None = None) -> None:
        self._broker = restart(self.broker, self.folder, environment)

    def through(self, port: int, *, store_too: bool = True) -> dict[str, str]:
        return {"GAMEDAY_BROKER_URL": self.broker.url.replace(f":{self.broker.port}/", f":{port}/")}

    def submit(self, seconds: float, log: str, count: int) -> list[str]:
        from workers.gameday.peer import gameday

        return [str(gameday.apply_async(kwargs={"seconds": seconds, "log": log}).id) for _ in range(count)]

    def states(self, ids: Sequence[str]) -> dict[str, str]:
        from workers.gameday.peer import app

        client: Any = connect(self.broker.url)
        with available():
            found = client.mget([f"celery-task-meta-{task_id}" for task_id in ids])
        words = {"SUCCESS": "done", "FAILURE": "failed"}
        return {
            task_id: words.get(app.backend.decode_result(text)["status"], "unknown") if text else "unknown"
            for task_id, text in zip(ids, found, strict=True)
        }

    def accepted(self, ids: Sequence[str], ends: Mapping[str, int]) -> dict[str, int]:
        """Whoever comes to an end writes the result, over one that is there already."""
        return {task_id: ends.get(task_id, 0) for task_id in ids}
