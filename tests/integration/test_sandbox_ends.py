"""Is anything of a sandbox left when it, or the worker that started it, is gone; and does it need root?

A worker can be killed at any moment; the code it was judging must not outlive it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
from eventually import eventually

from workers.sandbox import isolation
from workers.sandbox.limits import Limits
from workers.sandbox.program import Program, Step
from workers.sandbox.run import run
from workers.sandbox.start import LAUNCHER

ROOT = str(LAUNCHER.parents[3])


def sandboxes_of(pid: int) -> list[psutil.Process]:
    """Return the sandbox processes below a process, and theirs."""
    return [child for child in psutil.Process(pid).children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]


def test_nothing_is_left_behind_after_a_kill() -> None:
    before = set(os.listdir("/proc/self/fd"))
    run(Program("import time\ntime.sleep(1000)"), limits=Limits(wall_seconds=0.5))
    assert sandboxes_of(os.getpid()) == []
    assert set(os.listdir("/proc/self/fd")) == before


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
    _, alive = psutil.wait_procs(started, timeout=10)
    assert not [process for process in alive if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


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
