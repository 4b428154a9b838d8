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
from workers.safety.targets import Target, TargetRefused, pin_all, pin_redirect

MAX_HOPS = 5


@dataclass(frozen=True, slots=True)
class Aimed:
    """The request to repeat, what its first sending gave, and how long that took."""

    request: Request
    first: Answer
    seconds: float


async def aim(payload: PerformanceTest, allowed: Sequence[str]) -> Aimed:
    """Judge and ask the payload's URL once, or raise `TargetRefused`."""
    targets = await asyncio.to_thread(pin_all, payload.url, allowed)
    for _ in range(MAX_HOPS + 1):
        aimed = await ask_in_turn(payload, targets)
        first = aimed.first
        if not payload.follow_redirects or first.outcome is not Outcome.REDIRECT or first.location is None:
            return aimed
        targets = await asyncio.to_thread(pin_redirect, aimed.request.target, first.location, allowed)
    raise TargetRefused(payload.url, f"it redirects more than {MAX_HOPS} times; send the final URL")


async def ask_in_turn(payload: PerformanceTest, targets: Sequence[Target]) -> Aimed:
    """Ask the first address that accepts a connection: a name may have one nobody listens on."""
    for target in targets:
        request = request_for(payload, target)
        async with Client(request, connections=1) as client:
            sent = time.perf_counter()
            answer = await client.send()
            aimed = Aimed(request, answer, time.perf_counter() - sent)
        if answer.outcome is not Outcome.REFUSED:
            break
    return aimed


def request_for(payload: PerformanceTest, target: Target) -> Request:
    """Combine what is asked with where it goes."""
    return Request(target, payload.method, payload.headers, payload.body, payload.request_timeout_seconds)
