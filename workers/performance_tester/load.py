"""How is a target loaded at a constant rate, without the target's slowness slowing the load?

Open loop: request *i* is due at start + i/rate, whatever happened before. Connections take the next due request; when
all are busy the request goes out late, and its latency still counts from when it was due (this corrects coordinated
omission). What is still waiting at the end of the test is recorded as not sent, with the wait so far. When a connection
was idle, only the timer was late (about a millisecond): that is told apart as `wake_late` and not blamed on the target.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workers.performance_tester.client import Answer, Client, Outcome

OUTCOMES = tuple(Outcome)
CODES = {outcome: code for code, outcome in enumerate(OUTCOMES)}
REPORT_EVERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """When requests are due, and how many may be under way."""

    rate_per_second: float
    duration_seconds: float
    connections: int

    @property
    def requests(self) -> int:
        return max(1, round(self.rate_per_second * self.duration_seconds))


@dataclass(slots=True)
class Samples:
    """What happened to every due request, in due order; seconds since the start."""

    due: npt.NDArray[np.float64]
    finished: npt.NDArray[np.float64]
    service: npt.NDArray[np.float64]
    """Seconds from really sending to the end of the answer; nan when not sent."""
    outcome: npt.NDArray[np.int16]
    statuses: Counter[int] = field(default_factory=Counter)
    bytes_received: int = 0
    wake_late: list[float] = field(default_factory=list)
    """How late an idle connection woke for its due request: the generator's own fault."""
    elapsed: float = 0.0
    busy_share: float = 0.0
    """Share of the time in which the generator's thread ran, or waited for a core that others had."""

    @property
    def latency(self) -> npt.NDArray[np.float64]:
        """Seconds from due to finished."""
        return self.finished - self.due


async def drive(
    client: Client, schedule: Schedule, report: Callable[[float], Awaitable[None]] | None = None
) -> Samples:
    """Send every due request of `schedule`; `report` is told the fraction of time gone about once a second."""
    samples = _empty(schedule)
    due = samples.due.tolist()
    origin, busy = time.perf_counter(), _busy_seconds()
    upcoming = iter(range(len(due)))

    async def connection() -> None:
        for index in upcoming:
            wait = due[index] - (time.perf_counter() - origin)
            if wait > 0:
                await asyncio.sleep(wait)
            sent = time.perf_counter() - origin
            if wait > 0:
                samples.wake_late.append(sent - due[index])
                samples.due[index] = sent
            elif sent > schedule.duration_seconds:
                _record(samples, index, sent, np.nan, Answer(Outcome.NOT_SENT))
                continue
            answer = await client.send()
            finished = time.perf_counter() - origin
            _record(samples, index, finished, finished - sent, answer)

    reporter = asyncio.create_task(_report(report, origin, schedule.duration_seconds)) if report else None
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(schedule.connections, schedule.requests)):
                group.create_task(connection())
    finally:
        if reporter is not None:
            reporter.cancel()
            await asyncio.gather(reporter, return_exceptions=True)
    samples.elapsed = max(time.perf_counter() - origin, schedule.duration_seconds)
    samples.busy_share = (_busy_seconds() - busy) / samples.elapsed
    return samples


def lone(answer: Answer, seconds: float) -> Samples:
    """Describe one request sent outside any schedule."""
    samples = _empty(Schedule(rate_per_second=1.0, duration_seconds=1.0, connections=1))
    _record(samples, 0, seconds, seconds, answer)
    samples.elapsed = max(seconds, 1e-6)
    return samples


def _empty(schedule: Schedule) -> Samples:
    count = schedule.requests
    return Samples(
        due=np.arange(count) / schedule.rate_per_second,
        finished=np.zeros(count),
        service=np.full(count, np.nan),
        outcome=np.full(count, CODES[Outcome.NOT_SENT], dtype=np.int16),
    )


def _record(samples: Samples, index: int, finished: float, service: float, answer: Answer) -> None:
    samples.finished[index] = finished
    samples.service[index] = service
    samples.outcome[index] = CODES[answer.outcome]
    samples.bytes_received += answer.size
    if answer.status is not None:
        samples.statuses[answer.status] += 1


def _busy_seconds() -> float:
    """Return how long this thread ran or was kept waiting for a core (only how long it ran where nobody tells)."""
    try:
        ran, waited, _ = Path("/proc/thread-self/schedstat").read_text().split()
    except (OSError, ValueError):
        return time.thread_time()
    return max(int(ran) / 1e9, time.thread_time()) + int(waited) / 1e9


async def _report(report: Callable[[float], Awaitable[None]], origin: float, duration: float) -> None:
    while True:
        await asyncio.sleep(REPORT_EVERY_SECONDS)
        await report(min((time.perf_counter() - origin) / duration, 1.0))
