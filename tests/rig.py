"""How does a test play producers and workers against the real scripts, step by step?

A declared fleet in its own file, workers on the roster that take from their queue, claim and finish exactly as the worker
process does, only when told to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from conftest import forget_facts

from fleet.dispatcher import declare
from fleet.dispatcher.claim import claim
from fleet.dispatcher.handle import TaskHandle
from fleet.dispatcher.mending import mend
from fleet.dispatcher.outcome import finish
from fleet.dispatcher.submit import submit
from fleet.dispatcher.tasks import TaskRecord, read
from fleet.dispatcher.ticking import Ticked, tick
from fleet.registry import roster
from fleet.settings import current
from fleet.store import keys

DONE = '{"status": "SUCCESS", "result": null, "task_id": ""}'


@dataclass(frozen=True, slots=True)
class Message:
    """What a worker takes from its queue."""

    task_id: str
    attempt: int
    text: str


@dataclass(slots=True)
class Rig:
    """A cell under test."""

    store: redis.Redis
    prefix: str

    def key(self, suffix: str) -> str:
        return self.prefix + suffix

    def worker(self, name: str, pool: str, slots: int = 1, contracts: str = "") -> str:
        """A worker gets ready, as Membership does it."""
        roster.register(name, pool, slots, {"agent_type": "tester", "pid": 1, "hostname": "here", "version": "0", "contracts": contracts})
        tick()
        return name

    def submit(self, task_type: str = "job", payload: Mapping[str, Any] | None = None, **options: Any) -> TaskHandle:
        return submit(task_type, payload, **options)

    def take(self, pool: str, wait_seconds: float = 0) -> Message | None:
        """Take the next message, as Celery's consumer does."""
        queue = f"fleet.{pool}"
        if wait_seconds:
            _, text = self.store.brpop([queue], timeout=wait_seconds) or (queue, None)  # type: ignore[misc]
        else:
            text = self.store.rpop(queue)
        if text is None:
            return None
        headers = json.loads(str(text))["headers"]
        return Message(headers["id"], headers["fleet_attempt"], str(text))

    def start(self, pool: str, worker: str) -> Message:
        """Take messages until one is granted, as the worker does with overtaken ones."""
        while (message := self.take(pool)) is not None:
            if claim(message.task_id, message.attempt, worker).granted:
                return message
        raise AssertionError(f"nothing to start on {pool}")

    def end(self, message: Message, outcome: str = "done", **options: Any) -> str | None:
        return finish(message.task_id, message.attempt, outcome, DONE if outcome == "done" else "", **options)

    def tick(self) -> Ticked:
        return tick()

    def record(self, task_id: str) -> TaskRecord:
        record = read(task_id)
        assert record is not None
        return record

    def state(self, task_id: str) -> str:
        return self.record(task_id).state

    def inflight(self, pool: str) -> int:
        return int(self.store.hget(self.key("inflight"), pool) or 0)  # type: ignore[arg-type]

    def held(self) -> int:
        return int(self.store.hget(self.key("inflight"), "#held") or 0)  # type: ignore[arg-type]

    def silence(self, worker: str, seconds: float = 30.0) -> None:
        """Let the worker have fallen silent a while ago."""
        self.store.zincrby(self.key("workers"), -seconds, worker)

    def check(self) -> None:
        """Every counter agrees with the records, and every key is declared."""
        assert mend() == {"mended": 0}
        self.check_keys()

    def check_keys(self) -> None:
        pattern = keys.pattern()
        allowed = ("celery-task-meta-", "_kombu", "fleet.")
        unknown = [k for k in self.store.scan_iter() if not pattern.fullmatch(k) and not k.startswith(allowed)]
        assert unknown == []


def build(
    store: redis.Redis, file: Path, monkeypatch: pytest.MonkeyPatch,
    pools: Mapping[str, Mapping[str, Any]] | None = None, task_types: Mapping[str, Mapping[str, Any]] | None = None,
    runs: Mapping[str, list[str]] | None = None, **sections: Any,
) -> Rig:  # fmt: skip
    """Declare a small fleet and publish it. Agent types are the pools' names, each running every task type unless told."""
    pools = pools or {"a": {}, "b": {}}
    task_types = task_types or {"job": {}}
    settings = {"dispatch": {"retry_base_seconds": 0.0, "hand_off_threshold_seconds": 0.0}, **sections.pop("settings", {})}
    document = {
        "defaults": False,
        "settings": settings,
        "agent_types": {
            name: {"module": "agents.nothing", "runs": (runs or {}).get(name, list(task_types))} for name in pools
        },
        "task_types": {name: {"expected_seconds": 1, **row} for name, row in task_types.items()},
        "pools": {name: {"agent_type": name, "slots": 1, **row} for name, row in pools.items()},
        **sections,
    }
    file.write_text(yaml.safe_dump(document))
    monkeypatch.setenv("FLEET_FILE", str(file))
    forget_facts()
    declare.publish()
    return Rig(store, keys.prefix(current().cell))
