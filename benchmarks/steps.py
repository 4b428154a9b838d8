"""What does each step of a task's life cost? `python -m benchmarks.steps [--json]`, and the lower half of `fleet bench dispatch`.

Round trips and Redis calls are counted by the server (`INFO commandstats`), so they are the same on a busy machine; times are
CPU time. One pool of short tasks, so that a finish releases several at a time.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import orjson

from benchmarks import stage
from benchmarks.clock import spent
from fleet.dispatcher.claim import claim
from fleet.dispatcher.outcome import finish
from fleet.dispatcher.submit import TaskRequest, submit, submit_many
from fleet.registry import roster
from fleet.store.client import connect

STEPS, RESULT = 2000, '{"status": "SUCCESS", "result": null}'
OUTER = ("fcall", "evalsha", "eval")
OURS = ("info", "config|resetstat", "client|setinfo", "client|setname", "hello", "auth")


@dataclass(frozen=True, slots=True)
class Cost:
    """One step of one task: how often the caller waits for the server, what its script asks of Redis, CPU microseconds."""

    step: str
    round_trips: float
    redis_calls: float
    server_us: float
    caller_us: float
    by_command: dict[str, float]


def measured(step: str, tasks: int, run: Callable[[], object]) -> Cost:
    """Run what does the step for so many tasks between two looks at the server's counters."""
    client = connect()
    client.config_resetstat()
    took = spent(client, run)
    stats = {name.removeprefix("cmdstat_"): int(row["calls"]) for name, row in client.info("commandstats").items()}
    trips = sum(stats.get(name, 0) for name in OUTER)
    inner = {name: count / tasks for name, count in stats.items() if name not in (*OUTER, *OURS)}
    inner = dict(sorted(inner.items(), key=lambda item: -item[1]))
    return Cost(step, trips / tasks, sum(inner.values()), 1e6 * took.server / tasks, 1e6 * took.client / tasks, inner)


def table() -> list[Cost]:
    """Return the cost of every step."""
    return [*submits(), *attempts()]


def submits() -> list[Cost]:
    rows = []
    for state in ("held", "released"):
        for name, count, run in (("submit", STEPS, one_by_one), ("submit_many", 10 * STEPS, bulk)):
            stage.empty()
            if state == "released":
                roster.register("bench", "bench", 1_000_000, {})
            submit("noop", {})
            rows.append(measured(f"{name}, {state}", count, partial(run, count)))
    return rows


def one_by_one(count: int) -> None:
    for n in range(count):
        submit("noop", {"n": n})


def bulk(count: int) -> None:
    for _ in submit_many(TaskRequest("noop", {"n": n}) for n in range(count)):
        pass


def attempts() -> list[Cost]:
    """Claim, finish and heartbeat, while tasks are held for the slots that become free."""
    client = connect()
    stage.empty()
    roster.register("bench", "bench", 2, {})
    bulk(3 * STEPS)
    for task in iter(partial(client.rpop, "fleet.bench"), None):  # the pool learns that its tasks are short
        through(str(task))
        if client.xlen("fleet:{main}:history") >= STEPS // 4:
            break
    client.zadd("fleet:{main}:workers", {"bench": time.time() + 3600})
    found: dict[str, list[Cost]] = {"claim": [], "finish": []}
    for _ in range(STEPS // 10):
        keys = [key_of(str(text)) for text in client.rpop("fleet.bench", 8) or ()]
        found["claim"].append(measured("claim", len(keys), partial(all_of, claim, keys, "bench")))
        found["finish"].append(measured("finish", len(keys), partial(all_of, finish, keys, "done", RESULT)))
    heartbeat = measured("heartbeat", STEPS, lambda: [roster.heartbeat("bench", 1) for _ in range(STEPS)])
    return [*map(mean, found.values()), heartbeat]


def key_of(text: str) -> tuple[str, int]:
    headers = orjson.loads(text)["headers"]
    return headers["id"], headers["fleet_attempt"]


def through(text: str) -> None:
    claim(*key_of(text), "bench")
    finish(*key_of(text), "done", RESULT)


def all_of(step: Callable[..., object], keys: list[tuple[str, int]], *more: str) -> None:
    for key in keys:
        step(*key, *more)


def mean(costs: list[Cost]) -> Cost:
    """Return the mean of the same step measured several times."""
    names = {name for cost in costs for name in cost.by_command}
    inner = {name: sum(cost.by_command.get(name, 0) for cost in costs) / len(costs) for name in names}
    rows = ((cost.round_trips, cost.redis_calls, cost.server_us, cost.caller_us) for cost in costs)
    trips, calls, server, caller = (sum(values) / len(costs) for values in zip(*rows, strict=True))
    return Cost(costs[0].step, trips, calls, server, caller, dict(sorted(inner.items(), key=lambda item: -item[1])))


def text(costs: list[Cost]) -> str:
    lines = [f"{'per task':24} {'round trips':>12} {'Redis calls':>12} {'server us':>10} {'caller us':>10}"]
    lines += [f"{row.step:24} {row.round_trips:12.2f} {row.redis_calls:12.1f} {row.server_us:10.0f} {row.caller_us:10.0f}" for row in costs]
    return "\n".join(lines)


if __name__ == "__main__":
    with stage.broker():
        steps = table()
    print(json.dumps([asdict(row) for row in steps], indent=1) if "--json" in sys.argv else text(steps))
