"""How does the kernel end a program that wants too much?

Hard limits, which an unprivileged process can only lower.
"""

from __future__ import annotations

import resource
from collections.abc import Mapping

STACK_BYTES = 8 * 1024 * 1024


def apply(limits: Mapping[str, int], *, own_user_namespace: bool) -> None:
    """Set every limit on this process.

    The number of processes is counted per user, machine-wide, unless the process has a user namespace of its own;
    elsewhere seccomp forbids new processes, and limiting them here would only count strangers.
    """
    cpu = limits["cpu_seconds"]
    ceilings = {
        resource.RLIMIT_CPU: (cpu, cpu + 1),
        resource.RLIMIT_AS: limits["memory_bytes"],
        resource.RLIMIT_FSIZE: limits["file_bytes"],
        resource.RLIMIT_NOFILE: limits["open_files"],
        resource.RLIMIT_STACK: STACK_BYTES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    if own_user_namespace:
        ceilings[resource.RLIMIT_NPROC] = limits["threads"] + 2  # the keeper and the main thread
    for name, ceiling in ceilings.items():
        soft, hard = ceiling if isinstance(ceiling, tuple) else (ceiling, ceiling)
        _, allowed = resource.getrlimit(name)
        if allowed != resource.RLIM_INFINITY:
            soft, hard = min(soft, allowed), min(hard, allowed)
        resource.setrlimit(name, (soft, hard))
