"""How long does a decision take with 100 pools, and does it take longer the more tasks are held?"""

from __future__ import annotations

import os
import random
import tempfile
import time
from pathlib import Path

import numpy as np
import orjson
import yaml

from benchmarks import stage
from fleet import catalogue, settings
from fleet.dispatcher import declare, ticking
from fleet.dispatcher.claim import claim
from fleet.dispatcher.outcome import finish
from fleet.dispatcher.submit import TaskRequest, known_type, submit_many
from fleet.registry import roster
from fleet.store.client import connect

POOLS, TYPES, SLOTS, DECISIONS = 100, 20, 10, 4000
RESULT = '{"status": "SUCCESS", "result": null}'


def measure(held: int) -> dict[str, float]:
    """Return milliseconds of a finish with its decision, and the server's time for one, with so many tasks held."""
    client, chance = connect(), random.Random(1)
    client.flushall()
    declare.publish()
    requests = (TaskRequest(f"type{n % TYPES}", {"n": n}, tenant=f"t{n % 8}", priority=n % 10) for n in range(held + POOLS * SLOTS))
    for answer in submit_many(requests):
        assert not isinstance(answer, Exception), answer
    for n in range(POOLS):
        roster.register(f"w{n}", f"pool{n}", SLOTS, {})
        client.hset("fleet:{main}:service", f"pool{n}", 1.0)
    while ticking.tick().released:
        pass
    waits: list[float] = []
    client.config_resetstat()
    began = time.perf_counter()
    for _ in range(DECISIONS):
        number = chance.randrange(POOLS)
        text = client.rpop(f"fleet.pool{number}")
        if text is None:
            continue
        headers = orjson.loads(str(text))["headers"]
        claim(headers["id"], headers["fleet_attempt"], f"w{number}")
        start = time.perf_counter()
        finish(headers["id"], headers["fleet_attempt"], "done", RESULT)
        waits.append(time.perf_counter() - start)
        client.zadd("fleet:{main}:workers", {f"w{number}": time.time()})
    took, calls = time.perf_counter() - began, client.info("commandstats")["cmdstat_fcall"]
    times = np.array(waits) * 1000
    return {
        "p50_ms": float(np.percentile(times, 50)), "p99_ms": float(np.percentile(times, 99)),
        "decisions_per_second": len(waits) / took, "server_microseconds_per_call": float(calls["usec_per_call"]),
    }  # fmt: skip


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


def table(largest: int = 100_000) -> dict[int, dict[str, float]]:
    with tempfile.TemporaryDirectory() as directory:
        declare_wide(Path(directory))
        return {held: measure(held) for held in (1000, largest)}


if __name__ == "__main__":
    with stage.broker():
        for held, row in table().items():
            print(held, {name: round(value, 2) for name, value in row.items()})
