"""Where does work run that waits for the store?

On a bounded pool of threads, reached with as little ceremony as asyncio has: the hop is most of what a small request
costs. More requests than threads wait in line, so a slow store slows answers down and never piles up connections.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

THREADS = 32
P = ParamSpec("P")
T = TypeVar("T")
POOL = ThreadPoolExecutor(THREADS, thread_name_prefix="gateway")


async def aside(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run work on a thread, in the caller's context (trace, log ids)."""
    context = contextvars.copy_context()
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(POOL, lambda: context.run(work, *args, **kwargs))
