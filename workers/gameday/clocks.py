"""What if a clock is wrong, or jumps?

Debian's libfaketime stands between a program and its clock; the step is real for everything in that process. Time that
only counts on (CLOCK_MONOTONIC) is left alone, as a real step leaves it.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

from workers.gameday.stage import NotHere, Stage, pid

STEPS_SECONDS = (3600, -3600)
NOTICE_SECONDS = 4.0
"""How long a step is left to have its effect; libfaketime looks at its file every second."""
LIBRARIES = ("/usr/lib", "/usr/local/lib", "/lib")
VARIABLES = ("LD_PRELOAD", "FAKETIME_TIMESTAMP_FILE", "FAKETIME_CACHE_DURATION", "FAKETIME_DONT_FAKE_MONOTONIC", "PYTHONPATH")
# libfaketime 0.9.10 breaks the system call behind time.sleep in Python 3.11 and later when it leaves the monotonic clock alone.
SLEEP = "import time, threading\ntime.sleep = lambda seconds: threading.Event().wait(seconds) and None\n"


def library() -> str:
    """Return where libfaketime is; raises NotHere."""
    for root in LIBRARIES:
        for found in sorted(Path(root).glob("**/libfaketimeMT.so.1")):
            return str(found)
    raise NotHere("libfaketime is not installed: apt-get install libfaketime")


def step_worker(stage: Stage) -> Iterator[None]:
    """Set one worker's clock an hour ahead, then an hour back, while it works."""
    file, variables = _clock(stage)
    victim = stage.behind(variables)
    yield
    stage.strike(pid(victim))
    for step in STEPS_SECONDS:
        file.write_text(f"{step:+d}s\n")
        stage.tending(NOTICE_SECONDS)
    yield
    stage.restore(victim, *variables)


def step_broker(stage: Stage) -> Iterator[None]:
    """Set the broker's clock, which is the fleet's, an hour ahead, then back."""
    file, variables = _clock(stage)
    variables.pop("PYTHONPATH")
    _restart(stage, variables)
    yield
    stage.strike()
    for step in STEPS_SECONDS:
        file.write_text(f"{max(0, step):+d}s\n")
        stage.tending(NOTICE_SECONDS)
    yield
    _restart(stage, {})


def _restart(stage: Stage, variables: dict[str, str]) -> None:
    process = stage.ground.broker.process
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)
    stage.ground.start_broker(variables)
    stage.until(stage.ground.is_ready, "nobody came back")


def _clock(stage: Stage) -> tuple[Path, dict[str, str]]:
    file, folder = stage.log.parent / f"{stage.log.stem}.clock", stage.log.parent / "sleep"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(SLEEP)
    file.write_text("+0s\n")
    return file, dict(zip(VARIABLES, (library(), str(file), "1", "1", str(folder)), strict=True))
