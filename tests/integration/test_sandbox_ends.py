"""Is anything of a sandbox left when it, or the worker that started it, is gone; and does it need root?

A worker can be killed at any moment; the code it was judging must not outlive it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from eventually import eventually

from workers.sandbox import isolation
from workers.sandbox.limits import Limits
from workers.sandbox.program import Outcome, Program, Step
from workers.sandbox.run import run
from workers.sandbox.start import LAUNCHER

ROOT = str(LAUNCHER.parents[3])


def sandboxes_of(pid: int, besides: frozenset[int] = frozenset()) -> list[psutil.Process]:
    """Return the sandbox processes below a process, besides children it had before (a broker of other tests)."""
    return [child for child in psutil.Process(pid).children(recursive=True) if alive(child) and child.pid not in besides]


def alive(process: psutil.Process) -> bool:
    """Tell whether a process still runs anything."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("without", [(), ("namespaces",)], ids=str)
def test_nothing_is_left_behind_after_a_kill(without: tuple[str, ...], tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    open_before = set(os.listdir("/proc/self/fd"))
    others = frozenset(child.pid for child in sandboxes_of(os.getpid()))
    program = Program("import time\ntime.sleep(1000)")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run, program, limits=Limits(wall_seconds=1.5), without=without, scratch_root=tmp_path)
        started = eventually(lambda: found if len(found := sandboxes_of(os.getpid(), others)) >= 3 else [])
        assert running.result().killed_by == "wall time"
    eventually(lambda: not [process for process in started if alive(process)])
    assert list(tmp_path.iterdir()) == []
    assert set(os.listdir("/proc/self/fd")) <= open_before


@pytest.mark.parametrize(
    "body",
    [
        "while True:\n    os.mkdir('d')\n    os.chdir('d')",
        "os.mkdir('hidden', 0o333)\nwhile True:\n    open(f'hidden/{time.time()}', 'wb').write(b'x' * 65536)",
    ],
    ids=["deeper than a path is long", "hidden from a look"],
)
def test_a_scratch_directory_made_to_be_unremovable_is_removed(body: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    limits = Limits(cpu_seconds=2, wall_seconds=4.0)
    for without in ((), ("namespaces",)):
        result = run(Program(f"import os, time\n{body}"), limits=limits, without=without, scratch_root=tmp_path)
        assert result.outcome is not Outcome.COMPLETED
        assert list(tmp_path.iterdir()) == []


def test_a_machine_without_a_place_for_files_refuses(tmp_path: Path) -> None:
    result = run(Program("x = 1"), scratch_root=tmp_path / "absent")
    assert result.outcome is Outcome.REFUSED
    assert "writable temporary directory" in result.reason


def test_the_sandbox_dies_with_the_worker_that_started_it() -> None:
    script = """
    from workers.sandbox.run import run
    from workers.sandbox.program import Program
    from workers.sandbox import isolation
from workers.sandbox.limits import Limits
    run(Program("import time\\\\ntime.sleep(1000)"), limits=Limits(wall_seconds=900.0))
    """.replace("    ", "").replace("\\\\", "\\")
    worker = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env={"PATH": os.environ["PATH"]})
    try:
        started = eventually(lambda: sandboxes_of(worker.pid) if len(sandboxes_of(worker.pid)) >= 3 else [], timeout=10)
    finally:
        worker.kill()
        worker.wait()
    eventually(lambda: not [process for process in started if alive(process)])


def test_several_sandboxes_do_not_disturb_each_other() -> None:
    def one(number: int) -> object:
        source = f"open('mine', 'w').write('{number}')\nimport os"
        steps = (Step("evaluate", "open('mine').read()"), Step("evaluate", "os.listdir('.')"))
        return [step.value for step in run(Program(source, steps)).steps]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(8))) == [[str(number), ["mine"]] for number in range(8)]


WITHOUT_ADMINISTRATION = """
import ctypes
from workers.sandbox.inside import kernel
from workers.sandbox.run import isolation_here

held = next(int(line.split()[1], 16) for line in open("/proc/self/status") if line.startswith("CapPrm"))
held &= ~(1 << 21)  # CAP_SYS_ADMIN, which a container's root does not have
if held:
    kernel.prctl(kernel.PR_CAPBSET_DROP, 21)
low, high = held & 0xFFFFFFFF, held >> 32
header = (ctypes.c_uint32 * 2)(kernel.CAPABILITY_VERSION_3, 0)
assert kernel.LIBC.capset(header, (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)) == 0
print(*isolation_here().isolation)
"""


def test_a_worker_without_the_right_to_administer_gets_every_guarantee_too() -> None:
    command = [sys.executable, "-c", WITHOUT_ADMINISTRATION]
    answer = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, timeout=30)
    assert answer.stderr == ""
    assert isolation.unmet(answer.stdout.split(), isolation.STRICT) == ()


def test_the_machine_can_be_asked_what_it_gives() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "workers.sandbox"], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    told = json.loads(answer.stdout)
    assert (answer.returncode == 0) == (told["open"] == [])
    assert {*told["layers"], *told["missing"]} == set(isolation.LAYERS)
