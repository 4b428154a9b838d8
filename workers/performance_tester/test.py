"""How does one performance test run, from payload to verdict?

Judge and pin the target, ask it once, warm up, measure, judge. A target that cannot be reached fails at once.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any, Protocol

from fleet.telemetry import tracing
from workers.performance_tester.aim import aim
from workers.performance_tester.client import UNREACHABLE, Client, Request
from workers.performance_tester.load import Samples, Schedule, drive, lone
from workers.performance_tester.payload import PerformanceTest
from workers.performance_tester.statistics import measure
from workers.performance_tester.verdict import Verdict, judge


class Run(Protocol):
    """What the performance tester needs from whoever runs it."""

    @property
    def allowed_targets(self) -> tuple[str, ...]: ...

    def progress(self, fraction: float, message: str) -> None: ...


def run_test(payload: PerformanceTest, run: Run) -> dict[str, Any]:
    """Run one load test and return a JSON-ready result."""
    return asyncio.run(_run_test(payload, run))


async def _run_test(payload: PerformanceTest, run: Run) -> dict[str, Any]:
    aimed = await aim(payload, run.allowed_targets)
    target = aimed.request.target
    if aimed.first.outcome in UNREACHABLE:
        measurement = measure(lone(aimed.first, aimed.seconds), payload.rate_per_second)
        reason = f"{target.host}:{target.port} cannot be reached ({aimed.first.outcome}); is it running?"
        verdict = Verdict("fail", (reason,))
    else:
        measurement = measure(await _load(payload, aimed.request, run), payload.rate_per_second)
        verdict = judge(measurement, payload.thresholds)
    where = {"url": target.url, "address": target.address, "allowed_by": target.allowed_by}
    return {"verdict": verdict.outcome, "reasons": list(verdict.reasons), "target": where, **asdict(measurement)}


async def _load(payload: PerformanceTest, request: Request, run: Run) -> Samples:
    """Warm up, then measure, over the same connections."""
    whole = payload.warm_up_seconds + payload.duration_seconds
    async with Client(request, payload.connections) as client:

        async def phase(name: str, before: float, length: float) -> Samples:
            async def report(fraction: float) -> None:
                await asyncio.to_thread(run.progress, (before + fraction * length) / whole, name)

            await report(0.0)
            about: dict[str, Any] = {"server.address": request.target.host, "server.port": request.target.port, "fleet.seconds": length}
            with tracing.span(f"load {name}", about, kind="client"):
                return await drive(client, Schedule(payload.rate_per_second, length, payload.connections), report)

        if payload.warm_up_seconds > 0:
            await phase("warming up", 0.0, payload.warm_up_seconds)
        return await phase("measuring", payload.warm_up_seconds, payload.duration_seconds)
