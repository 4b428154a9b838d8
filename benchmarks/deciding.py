"""How long does a decision take with 100 pools at 2 000 a second, and does it take longer the more tasks are held?

A decision is what an attempt's end brings: it is recorded and learned from, and the slot gets its next task. They come at
random (Poisson) at the rate, whether or not those before are answered, and are timed from the moment they were due. The
process that times them collects no garbage meanwhile: its own pauses, of ten milliseconds and more, are no decision's.
"""

from __future__ import annotations

import gc
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from select import select
from statistics import median
from typing import Any

import numpy as np
import orjson
import yaml

from benchmarks import stage
from benchmarks.clock import spent
from fleet import catalogue, settings
from fleet.dispatcher import declare, ticking
from fleet.dispatcher.claim import claim
from fleet.dispatcher.submit import TaskRequest, known_type, submit_many
from fleet.registry import roster
from fleet.store import keys, line
from fleet.store.client import Client, connect
from fleet.store.scripts import resident

POOLS, TYPES, SLOTS, SECTION, SECTIONS, RATE = 100, 20, 10, 800, 6, 2000.0
ANSWER = b"*2\r\n:1\r\n$4\r\ndone\r\n"
RESULT = '{"status": "SUCCESS", "result": null}'


@dataclass(frozen=True, slots=True)
class Decided:
    """Milliseconds from when each was due to its answer; the server's microseconds of CPU for one, by section."""

    waits: list[float]
    server_us: list[float]

    def percentile(self, percent: float) -> float:
        return float(np.percentile(self.waits, percent))


def measure(held: int) -> Decided:
    """End attempts at the rate while so many tasks are held: what leaves is replaced after every section."""
    client, chance, found = connect(), random.Random(1), Decided([], [])
    client.flushall()
    declare.publish()
    hold(held + POOLS * SLOTS)
    for n in range(POOLS):
        roster.register(f"w{n}", f"pool{n}", SLOTS, {})
        client.hset("fleet:{main}:service", f"pool{n}", 1.0)
    while ticking.tick().released:
        pass
    resident("dispatcher/finish.lua")(client, [keys.prefix("main")], ["none", 1, "done", "", "", 0, "", "", ""])  # known from here on
    for _ in range(SECTIONS):
        client.zadd("fleet:{main}:workers", {f"w{n}": time.time() for n in range(POOLS)})
        taken: list[tuple[str, int]] = []
        while len(taken) < SECTION:
            number = chance.randrange(POOLS)
            if text := client.rpop(f"fleet.pool{number}"):
                headers = orjson.loads(str(text))["headers"]
                taken.append((headers["id"], headers["fleet_attempt"]))
                claim(*taken[-1], f"w{number}")
        with uncollected():
            took = spent(client, partial(end_all, client, taken, found.waits, chance))
        found.server_us.append(1e6 * took.server / SECTION)
        hold(SECTION)
    return found


def hold(count: int) -> None:
    """Submit so many tasks of every type, by eight tenants, with every priority."""
    requests = (TaskRequest(f"type{n % TYPES}", {"n": n}, tenant=f"t{n // 7 % 8}", priority=n // TYPES % 10) for n in range(count))
    for answer in submit_many(requests):
        assert not isinstance(answer, Exception), answer


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage is collected in this process inside the block."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def end_all(client: Client, taken: list[tuple[str, int]], waits: list[float], chance: random.Random) -> None:
    """Send every end when it is due, and note when each answer comes: one thread, or its threads would wait for each other."""
    script, prefix = resident("dispatcher/finish.lua"), [keys.prefix("main")]
    calls = [line.packed(b"FCALL", script.name.encode(), prefix, [*task, "done", RESULT, "", "0.000", "", "", ""]) for task in taken]
    connection: Any = client.connection_pool.make_connection()
    connection.connect()
    wire = connection._sock
    wire.setblocking(False)
    start, sent, answered, rest = time.perf_counter() + 0.05, 0, 0, b""
    due = [start + at for at in accumulate(chance.expovariate(RATE) for _ in calls)]
    while answered < len(calls):
        now = time.perf_counter()
        while sent < len(calls) and due[sent] <= now:
            wire.send(calls[sent])
            sent += 1
        patience = max(0.0, due[sent] - now) if sent < len(calls) else 10.0
        if select([wire], [], [], patience)[0]:
            *answers, rest = (rest + wire.recv(65536)).split(ANSWER)
            now = time.perf_counter()
            waits += [1000 * (now - due[answered + n]) for n in range(len(answers))]
            answered += len(answers)
            assert not any(answers), answers
    connection.disconnect()


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
