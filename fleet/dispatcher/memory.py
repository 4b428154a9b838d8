"""Did the process that ran an attempt die for want of memory?

The kernel's out-of-memory killer sends the same signal anybody may send, but it keeps count, per cgroup. What a process
held when it was last looked at is the evidence beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

CGROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_COUNT = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)
MEGABYTE = 1 << 20


class Watch:
    """What is known of the memory of a worker's processes."""

    def __init__(self) -> None:
        self._killed = 0
        self._held: dict[int, int] = {}
        self._before: dict[int, int] = {}

    def begin(self) -> None:
        """Count from here on."""
        self._killed = kills()

    def look(self, pids: Iterable[int]) -> None:
        """Note what these processes hold; who has ended since the last look is remembered until the next."""
        import psutil

        held = {}
        for pid in pids:
            try:
                held[pid] = int(psutil.Process(pid).memory_info().rss)
            except psutil.Error:
                continue
        self._before, self._held = self._held, held

    def evidence(self) -> str:
        """Return what speaks for a process having died for want of memory, or an empty text; each death is told once."""
        import psutil

        now = kills()
        before, self._killed = self._killed, now
        if now <= before:
            return ""
        known = self._before | self._held
        largest = max((held for pid, held in known.items() if not psutil.pid_exists(pid)), default=0)
        last = f"; it held {largest // MEGABYTE} MB when last looked at" if largest else ""
        return f"out of memory: the kernel killed {now - before} process of this worker's cgroup{last}"


def kills(own: Path = OWN, cgroups: Path = CGROUPS) -> int:
    """Return how many processes of this process's memory cgroup the kernel has killed; 0 where it does not tell."""
    try:
        rows = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        return 0
    files = [cgroups / "memory" / path.lstrip("/") / "memory.oom_control" for _, names, path in rows if "memory" in names.split(",")]
    files += [cgroups / path.lstrip("/") / "memory.events" for number, _, path in rows if number == "0"]
    for file in files:
        try:
            found = _COUNT.search(file.read_text())
        except OSError:
            continue
        if found:
            return int(found.group(1))
    return 0


WATCH = Watch()
"""The worker's own; only its main process looks and tells."""
