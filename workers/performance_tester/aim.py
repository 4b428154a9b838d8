"""Which one address will be loaded?

The URL is judged and asked once. With `follow_redirects` each hop is a new URL, judged and pinned again; without it a
redirect is what the target answers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from workers.performance_tester.client import Answer, Client, Outcome, Request
from workers.performance_tester.payload import PerformanceTest
from workers.safety.targets import Target, TargetRefused, pin, pin_redirect

MAX_HOPS = 5


@dataclass(frozen=True, slots=True)
class Aimed:
    """The request to repeat, what its first sending gave, and how long that took."""

    request: Request
    first: Answer
    seconds: float


async def aim(payload: PerformanceTest, allowed: Sequence[str]) -> Aimed:
    """Judge and ask the payload's URL once, or raise `TargetRefused`."""
    target = await asyncio.to_thread(pin, payload.url, allowed)
    for _ in range(MAX_HOPS + 1):
        request = request_for(payload, target)
        async with Client(request, connections=1) as client:
            sent = time.perf_counter()
            answer = await client.send()
            seconds = time.perf_counter() - sent
        if not payload.follow_redirects or answer.outcome is not Outcome.REDIRECT or answer.location is None:
            return Aimed(request, answer, seconds)
        target = await asyncio.to_thread(pin_redirect, target, answer.location, allowed)
    raise TargetRefused(payload.url, f"it redirects more than {MAX_HOPS} times; send the final URL")


def request_for(payload: PerformanceTest, target: Target) -> Request:
    """Combine what is asked with where it goes."""
    return Request(target, payload.method, payload.headers, payload.body, payload.request_timeout_seconds)
