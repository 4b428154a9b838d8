"""Can untrusted code use up the machine, or pass off its end as success?

Limits hold whichever layers are there; what cannot be guaranteed is refused before the first line runs.
"""

from __future__ import annotations

import pytest
from sandbox_attacks import EVERY_LAYER, FAST, RESTRICTED_CONTAINER, attempt, gained

from workers.sandbox import isolation
from workers.sandbox.limits import MEBIBYTE, Limits
from workers.sandbox.program import Outcome, Program
from workers.sandbox.run import isolation_here, run

WITH_AND_WITHOUT_NAMESPACES = pytest.mark.parametrize("without", [EVERY_LAYER, RESTRICTED_CONTAINER], ids=lambda names: "+".join(sorted(names)) or "none")

# Resources ------------------------------------------------------------------------------------------------------------


@WITH_AND_WITHOUT_NAMESPACES
def test_an_endless_loop_is_ended_by_processor_time(without: tuple[str, ...]) -> None:
    result = attempt("while True: pass", without, Limits(cpu_seconds=1, wall_seconds=20.0))
    assert (result.outcome, result.killed_by) == (Outcome.KILLED, "cpu time")


def test_waiting_for_ever_is_ended_by_the_clock() -> None:
    result = attempt("import time\ntime.sleep(1000)", limits=Limits(wall_seconds=0.7))
    assert (result.outcome, result.killed_by) == (Outcome.KILLED, "wall time")


def test_ignoring_the_processor_time_signal_does_not_help() -> None:
    body = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    result = attempt(body, limits=Limits(cpu_seconds=1, wall_seconds=20.0))
    assert (result.outcome, result.killed_by) == (Outcome.KILLED, "cpu time")


def test_memory_is_bounded() -> None:
    body = "held = []\nwhile True:\n    held.append(bytearray(1 << 20))"
    result = attempt(body, limits=Limits(cpu_seconds=4, wall_seconds=8.0, memory_bytes=128 * MEBIBYTE))
    assert gained(result) is None
    assert result.peak_memory_bytes < 160 * MEBIBYTE


def test_memory_held_while_loading_is_named_as_the_reason() -> None:
    result = run(Program("held = []\nwhile True:\n    held.append(bytearray(1 << 20))"), limits=FAST)
    assert (result.outcome, result.killed_by) == (Outcome.KILLED, "memory")


@WITH_AND_WITHOUT_NAMESPACES
def test_a_full_disk_stays_ours(without: tuple[str, ...]) -> None:
    body = """
    written, number = 0, 0
    try:
        while True:
            with open(f"file{number}", "wb") as file:
                for _ in range(64):
                    written += file.write(b"x" * 65536)
            number += 1
    except OSError:
        pass
    import time
    time.sleep(0.2)
    return written
    """
    limits = Limits(cpu_seconds=4, wall_seconds=8.0, scratch_bytes=4 * MEBIBYTE, file_bytes=2 * MEBIBYTE)
    result = attempt(body, without, limits)
    assert result.killed_by == "scratch" or gained(result) <= 4 * MEBIBYTE


@WITH_AND_WITHOUT_NAMESPACES
def test_a_flood_of_files_stays_ours(without: tuple[str, ...]) -> None:
    body = """
    import time
    number = 0
    try:
        while True:
            open(f"file{number}", "w").close()
            number += 1
    except OSError:
        time.sleep(0.2)
        return number
    """
    limits = Limits(cpu_seconds=4, wall_seconds=8.0, scratch_files=100)
    result = attempt(body, without, limits)
    assert result.killed_by == "scratch" or gained(result) <= 100


def test_a_flood_of_output_is_ended_and_little_is_kept() -> None:
    result = attempt("while True: print('x' * 10_000)", limits=Limits(cpu_seconds=5, output_bytes=MEBIBYTE))
    assert (result.outcome, result.killed_by) == (Outcome.KILLED, "output")
    assert len(result.stdout) <= FAST.shown_bytes


# Honesty --------------------------------------------------------------------------------------------------------------


@WITH_AND_WITHOUT_NAMESPACES
def test_ending_the_process_is_not_passing(without: tuple[str, ...]) -> None:
    result = attempt("import os\nos._exit(0)", without)
    assert result.outcome is Outcome.CRASHED
    assert result.steps[0].status == "not run"


@WITH_AND_WITHOUT_NAMESPACES
def test_writing_to_the_report_pipe_is_not_reporting(without: tuple[str, ...]) -> None:
    body = """
    import json, os
    line = json.dumps({"step": 0, "status": "returned", "value": "forged"}).encode() + b"\\n"
    for fd in range(1, 64):
        try:
            os.write(fd, line)
        except OSError:
            pass
    os._exit(0)
    """
    result = attempt(body, without)
    assert result.steps[0].status == "not run"


def test_a_crash_of_the_interpreter_is_told() -> None:
    result = attempt("import ctypes\nctypes.string_at(0)")
    assert (result.outcome, result.killed_by) == (Outcome.KILLED, "signal")


# Levels ---------------------------------------------------------------------------------------------------------------


def test_every_layer_is_either_reached_or_its_absence_explained() -> None:
    result = isolation_here()
    assert {*result.isolation, *result.missing} == set(isolation.LAYERS)
    assert not set(result.isolation) & set(result.missing)
    assert all(result.missing.values())


@pytest.mark.parametrize("required", isolation.GUARANTEES)
def test_what_cannot_be_guaranteed_is_not_run(required: str) -> None:
    without = ("namespaces", "landlock", "seccomp", "rlimits")
    result = run(Program("raise SystemExit(7)"), required={required}, without=without)
    assert result.outcome is Outcome.REFUSED
    assert required in result.reason
    assert "switched off" in result.reason


def test_the_minimum_holds_whatever_is_required() -> None:
    result = run(Program("x = 1"), required=(), without=("namespaces", "seccomp"))
    assert result.outcome is Outcome.REFUSED
    assert "network" in result.reason
