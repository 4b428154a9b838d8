"""Is a task that eats its worker's memory told apart from one whose process was merely killed?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.cell import Cell
from eventually import eventually

from fleet import submit
from fleet.dispatcher import dead_letters

WAIT = 60
LIMIT = 400 << 20
ROOTS = ((Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"), (Path("/sys/fs/cgroup"), "memory.max"))


@contextmanager
def limited() -> Iterator[Path | None]:
    """A memory cgroup of this test's own, or None where this user may not make one (not root, or a read-only mount)."""
    for root, file in ROOTS:
        group = root / f"fleet-test-{os.getpid()}"
        try:
            group.mkdir()
            (group / file).write_text(str(LIMIT))
        except OSError:
            if group.exists():
                group.rmdir()
            continue
        try:
            yield group
        finally:
            eventually(lambda group=group: not (group / "cgroup.procs").read_text().split() and (group.rmdir() or True))
        return
    yield None


def reason_of(how: str) -> str:
    handle = submit("mishap", {"how": how})
    eventually(lambda: handle.status == "dead", timeout=WAIT)
    [letter] = [row for row in dead_letters.read() if row.task_id == handle.id]
    return letter.reason


def test_a_gorging_task_is_a_dead_letter_that_names_memory_and_a_killed_one_is_not(broken: Cell) -> None:
    worker = broken.start("steps", "steps", slots=1)
    assert "out of memory" not in reason_of("die")
    with limited() as group:
        if group is None:
            return  # what the kernel counts is tested in tests/unit/dispatcher_python/test_memory_evidence.py
        for process in (worker.process.pid, *(child.pid for child in worker.children())):
            (group / "cgroup.procs").write_text(str(process))
        reason = reason_of("gorge")
        assert "took 3 workers down" in reason
        assert "out of memory: the kernel killed 1 process" in reason
        assert submit("add", {"x": 1}).get(WAIT)["sum"] == 1
        worker.stop()
