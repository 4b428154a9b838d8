"""What does each kind of event cost the one Redis of a cell, in CPU time of its server process?

A hundred pools of twenty task types, thousands of registered workers. From these costs follows how much one cell carries:
`fleet simulate cells --costs FILE`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import psutil

from benchmarks import stage
from benchmarks.deciding import POOLS, RESULT, TYPES, declare_wide
from fleet.dispatcher import declare, ticking
from fleet.dispatcher.claim import claim
from fleet.dispatcher.outcome import finish
from fleet.dispatcher.submit import TaskRequest, submit, submit_many
from fleet.registry import roster
from fleet.store.client import connect

TASKS, HEARTBEATS, TICKS, HELD = 3000, 5000, 200, 2000


def measure(server: psutil.Process, workers: int) -> dict[str, float]:
    """Return microseconds of the server's CPU (user and system) per event."""
    client = connect()
    client.flushall()
    declare.publish()
    for n in range(workers):
        roster.register(f"w{n}", f"pool{n % POOLS}", 1, {"agent_type": f"agent{n % 4}"})
    client.hset("fleet:{main}:service", mapping={f"pool{n}": 1.0 for n in range(POOLS)})
    costs: dict[str, float] = {}

    def charged(name: str, count: int, run: Callable[[], None]) -> None:
        before = server.cpu_times()
        run()
        after = server.cpu_times()
        costs[name] = 1e6 * (after.user + after.system - before.user - before.system) / count

    def beat() -> None:
        for n in range(HEARTBEATS):
            roster.heartbeat(f"w{n % workers}", 1)

    def send_all() -> None:
        for n in range(TASKS):
            submit(f"type{n % TYPES}", {"n": n}, tenant=f"t{n % 50}", priority=n % 10)

    taken: list[tuple[str, int, str]] = []

    def claim_all() -> None:
        for number in range(POOLS):
            while (text := client.rpop(f"fleet.pool{number}")) is not None:
                headers = orjson.loads(str(text))["headers"]
                worker = f"w{number}"
                claim(headers["id"], headers["fleet_attempt"], worker)
                taken.append((headers["id"], headers["fleet_attempt"], worker))

    def finish_all() -> None:
        for task_id, attempt, _ in taken[:TASKS]:
            finish(task_id, attempt, "done", RESULT)

    def look() -> None:
        for _ in range(TICKS):
            ticking.tick()

    charged("heartbeat", HEARTBEATS, beat)
    charged("submit", TASKS, send_all)
    held = (TaskRequest(f"type{n % TYPES}", {"n": n}, tenant=f"t{n % 50}", delay_seconds=600 * (n % 2)) for n in range(HELD))
    charged("submit_many", HELD, lambda: [None for _ in submit_many(held)].clear())
    before = server.cpu_times()
    claim_all()
    after = server.cpu_times()
    costs["claim"] = 1e6 * (after.user + after.system - before.user - before.system) / max(len(taken), 1)
    client.zadd("fleet:{main}:workers", {f"w{n}": time.time() for n in range(workers)})
    charged("finish", len(taken[:TASKS]), finish_all)
    client.zadd("fleet:{main}:workers", {f"w{n}": time.time() for n in range(workers)})
    charged("tick", TICKS, look)
    return {name: round(value, 1) for name, value in costs.items()}


def main(workers: int) -> dict[str, float]:
    with stage.broker(), tempfile.TemporaryDirectory() as directory:
        declare_wide(Path(directory))
        server = psutil.Process(int(connect().info("server")["process_id"]))
        return measure(server, workers)


if __name__ == "__main__":
    count = next((int(word) for word in sys.argv[1:] if word.isdigit()), 10_000)
    found = stage.part("what events cost", lambda: main(count))
    if "--json" in sys.argv:
        print(json.dumps({"workers": count, "microseconds": found}, indent=1))
    else:
        for name, value in found.items():
            print(f"{name:12} {value:8.1f} us of the server's CPU")
