"""What do metrics and traces cost a worker? No-op tasks, the worst case; everything on beside everything off, in turns.

On: metrics are counted, a tenth of the traces is recorded and sent to a collector in a process of its own. Off: no
tracing, and the functions in the server count nothing; that switch exists only here. Between them, each alone.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median

import redis

from benchmarks import judging, stage
from benchmarks.turns import TURN_SECONDS, Contestant, Turn, contestant

ROUNDS, BACKLOG = 20, 30_000
ENDPOINT = "FLEET_TELEMETRY__OTLP_ENDPOINT"
OFF, ON = "all off", "all on"
KINDS = {OFF: (False, False), "metrics": (True, False), "traces": (False, True), ON: (True, True)}
"""Whether metrics are counted, and whether there are traces."""
_COUNTING = re.compile(r"(local function metric_(?:count|observe)\([^)]*\))")


@dataclass(frozen=True, slots=True)
class Cost:
    """One kind of worker over all its turns: tasks a second, ms of processor time a task, throughput over that of all off."""

    rate: float
    worker_milliseconds: float
    broker_milliseconds: float
    ratio: float

    @property
    def milliseconds(self) -> float:
        return self.worker_milliseconds + self.broker_milliseconds


def measure(rounds: int) -> dict[str, Cost]:
    """Let a worker of each kind take turns, until a backlog is nearly worked off; every round begins with another."""
    turns: dict[str, list[Turn]] = {name: [] for name in KINDS}
    with ExitStack() as stack:
        endpoint = stack.enter_context(collector())
        running = {name: stack.enter_context(prepared(endpoint, *kind)) for name, kind in KINDS.items()}
        for number in range(rounds):
            for name in order(number):
                turns[name].append(running[name].turn(TURN_SECONDS))
            most = max(turn.tasks for rows in turns.values() for turn in rows)
            if BACKLOG - max(one.ended() for one in running.values()) < 2 * most:
                break
        with urllib.request.urlopen(endpoint) as answer:
            if not int(answer.read()):
                raise RuntimeError("no span arrived: nothing was measured")
    return {name: cost(rows, turns[OFF]) for name, rows in turns.items()}


def order(number: int) -> Sequence[str]:
    """Return whose turns follow each other in this round: forwards, backwards, and each kind as often first."""
    names = list(KINDS) if number % 2 else list(reversed(KINDS))
    first = number // 2 % len(names)
    return names[first:] + names[:first]


def cost(rows: Sequence[Turn], beside: Sequence[Turn]) -> Cost:
    tasks = sum(row.tasks for row in rows)
    return Cost(
        rate=tasks / sum(row.seconds for row in rows),
        worker_milliseconds=1000 * sum(row.worker for row in rows) / tasks,
        broker_milliseconds=1000 * sum(row.broker for row in rows) / tasks,
        ratio=median(row.rate / other.rate for row, other in zip(rows, beside, strict=True)),
    )


@contextmanager
def prepared(endpoint: str, is_counting: bool, is_tracing: bool) -> Iterator[Contestant]:
    with contestant(BACKLOG, {ENDPOINT: endpoint if is_tracing else ""}) as found:
        if not is_counting:
            count_nothing(found.broker)
        yield found


def count_nothing(client: redis.Redis) -> None:
    """Let the functions in the server count no metrics from now on."""
    for library in client.function_list(withcode=True):  # type: ignore[union-attr]
        code = dict(zip(library[::2], library[1::2], strict=True))[b"library_code"].decode()
        client.function_load(_COUNTING.sub(r"\1 do return end", code), replace=True)


@contextmanager
def collector() -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.collector"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=stage.HERE.parent) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def figures(rounds: int) -> dict[str, float]:
    """Return everything measured, by name."""
    with stage.broker():
        looks = judging.measure()
    found = measure(rounds)
    off = found[OFF]
    return {
        **{f"tasks/s, {name}": one.rate for name, one in found.items()},
        **{f"throughput, {name} over all off": one.ratio for name, one in found.items() if name != OFF},
        **{f"ms of processor time a task, worker, {name}": one.worker_milliseconds for name, one in found.items()},
        **{f"ms of processor time a task, broker, {name}": one.broker_milliseconds for name, one in found.items()},
        **{f"processor time, {name} over all off": one.milliseconds / off.milliseconds for name, one in found.items() if name != OFF},
        **{f"{name}, s of processor time": cpu for name, (cpu, _) in looks.items()},
        **{f"{name}, s": clock for name, (_, clock) in looks.items()},
    }


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    result = stage.part("metrics and traces", lambda: figures(given.rounds))
    print(json.dumps(result, indent=1) if given.json else "\n".join(f"{name:68} {value:10.3f}" for name, value in result.items()))
