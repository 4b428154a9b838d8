"""How long does a decision take with 100 pools, and does it take longer the more tasks are held?"""

from __future__ import annotations

import os
import random
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import orjson
import yaml

from benchmarks import stage
from benchmarks.clock import spent
from fleet import catalogue, settings
from fleet.dispatcher import declare, ticking
from fleet.dispatcher.claim import claim
from fleet.dispatcher.outcome import finish
from fleet.dispatcher.submit import TaskRequest, known_type, submit_many
from fleet.registry import roster
from fleet.store.client import connect

POOLS, TYPES, SLOTS, SECTION, SECTIONS = 100, 20, 10, 200, 8
RESULT = '{"status": "SUCCESS", "result": null}'


@dataclass(frozen=True, slots=True)
class Decided:
    """Milliseconds of each finish with its decision; the server's microseconds of CPU for one, by section."""

    waits: list[float]
    server_us: list[float]

    def percentile(self, percent: float) -> float:
        return float(np.percentile(self.waits, percent))


def measure(held: int) -> Decided:
    """Finish tasks one at a time while so many are held: what leaves is replaced after every section."""
    client, chance, found = connect(), random.Random(1), Decided([], [])
    client.flushall()
    declare.publish()
    hold(held + POOLS * SLOTS)
    for n in range(POOLS):
        roster.register(f"w{n}", f"pool{n}", SLOTS, {})
        client.hset("fleet:{main}:service", f"pool{n}", 1.0)
    while ticking.tick().released:
        pass
    for _ in range(SECTIONS):
        client.zadd("fleet:{main}:workers", {f"w{n}": time.time() for n in range(POOLS)})
        taken: list[tuple[str, int]] = []
        while len(taken) < SECTION:
            number = chance.randrange(POOLS)
            if text := client.rpop(f"fleet.pool{number}"):
                headers = orjson.loads(str(text))["headers"]
                taken.append((headers["id"], headers["fleet_attempt"]))
                claim(*taken[-1], f"w{number}")
        took = spent(client, partial(finish_all, taken, found.waits))
        found.server_us.append(1e6 * took.server / SECTION)
        hold(SECTION)
    return found


def hold(count: int) -> None:
    """Submit so many tasks of every type, by eight tenants, with every priority."""
    requests = (TaskRequest(f"type{n % TYPES}", {"n": n}, tenant=f"t{n // 7 % 8}", priority=n // TYPES % 10) for n in range(count))
    for answer in submit_many(requests):
        assert not isinstance(answer, Exception), answer


def finish_all(taken: list[tuple[str, int]], waits: list[float]) -> None:
    for task_id, attempt in taken:
        start = time.perf_counter()
        finish(task_id, attempt, "done", RESULT)
        waits.append(1000 * (time.perf_counter() - start))


def declare_wide(directory: Path) -> None:
    """Declare the hundred pools; each runs a quarter of the task types."""
    document = {
        "defaults": False,
        "settings": {"costs": {"requests_per_hour": 0, "tokens_per_hour": 0, "usd_per_hour": 0}, "leases": {"release_seconds": 600}},
        "agent_types": {
            f"agent{n}": {"module": "benchmarks.agents", "runs": [f"type{k}" for k in range(TYPES) if k % 4 == n]} for n in range(4)
        },
        "task_types": {f"type{n}": {"expected_seconds": 1} for n in range(TYPES)},
        "pools": {f"pool{n}": {"agent_type": f"agent{n % 4}", "slots": SLOTS} for n in range(POOLS)},
    }
    file = directory / "fleet.yaml"
    file.write_text(yaml.safe_dump(document))
    os.environ["FLEET_FILE"] = str(file)
    settings.load.cache_clear()
    catalogue.forget()
    known_type.cache_clear()


def table(largest: int = 100_000) -> dict[int, Decided]:
    """Return what was found with few tasks held and with many; few twice, around the many."""
    with tempfile.TemporaryDirectory() as directory:
        declare_wide(Path(directory))
        before, many, after = (measure(held) for held in (1000, largest, 1000))
    return {1000: Decided(before.waits + after.waits, before.server_us + after.server_us), largest: many}


if __name__ == "__main__":
    with stage.broker():
        for held, row in table().items():
            print(f"{held:7} held: p50 {row.percentile(50):.2f} ms, p99 {row.percentile(99):.2f} ms, server {median(row.server_us):.0f} us")
