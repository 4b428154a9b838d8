"""Is a run judged by what can be trusted, and does nothing but completion look like it?"""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.sandbox import isolation
from workers.sandbox.inside.landlock import handled
from workers.sandbox.limits import Limits
from workers.sandbox.program import Outcome, Program, Step
from workers.sandbox.verdict import judge
from workers.sandbox.watch import Observed

NONCE = "0123456789abcdef"
LIMITS = Limits(cpu_seconds=2)
TWO_STEPS = Program("x = 1", (Step("evaluate", "x"), Step("execute", "assert x")))
STARTED = {"isolation": list(isolation.LAYERS), "missing": {}, "unmet": []}
FULL = [
    STARTED,
    {"load": None},
    {"step": 0, "status": "returned", "value": 1},
    {"step": 1, "status": "returned"},
    {"done": True},
]


def observed(messages: list[dict[str, Any]], end: dict[str, Any] | None = None, **changes: Any) -> Observed:
    report = "".join(f"{NONCE}{json.dumps(message)}\n" for message in messages)
    keeper = json.dumps({"exit": 0, "cpu_seconds": 0.1, "peak_memory_bytes": 1} | (end or {}))
    return Observed(report=bytearray(report.encode()), keeper=bytearray(keeper.encode()), **changes)


def test_a_full_report_is_completion() -> None:
    result = judge(TWO_STEPS, LIMITS, observed(FULL), NONCE)
    assert result.outcome is Outcome.COMPLETED
    assert [(step.status, step.value) for step in result.steps] == [("returned", 1), ("returned", None)]


@given(st.integers(0, len(FULL) - 1), st.integers(0, 255))
def test_a_report_that_stops_early_is_never_completion(length: int, exit_code: int) -> None:
    result = judge(TWO_STEPS, LIMITS, observed(FULL[:length], {"exit": exit_code}), NONCE)
    assert result.outcome is not Outcome.COMPLETED
    assert result.reason
    assert len(result.steps) == 2


@given(st.binary(), st.binary())
def test_any_bytes_on_the_pipes_give_a_result(report: bytes, keeper: bytes) -> None:
    result = judge(TWO_STEPS, LIMITS, Observed(report=bytearray(report), keeper=bytearray(keeper)), NONCE)
    assert result.outcome is not Outcome.COMPLETED


def test_lines_without_the_nonce_do_not_count() -> None:
    forged = "".join(json.dumps(message) + "\n" for message in FULL).encode()
    assert judge(TWO_STEPS, LIMITS, Observed(report=bytearray(forged)), NONCE).outcome is not Outcome.COMPLETED


def test_the_first_report_of_a_step_counts() -> None:
    messages = [*FULL[:2], {"step": 0, "status": "raised", "raised": {"type": "E", "text": "t"}}, *FULL[2:]]
    assert judge(TWO_STEPS, LIMITS, observed(messages), NONCE).steps[0].status == "raised"


@pytest.mark.parametrize(
    ("end", "changes", "killed_by"),
    [
        ({"exit": -signal.SIGXCPU}, {}, "cpu time"),
        ({"exit": -signal.SIGKILL, "cpu_seconds": 2.5}, {}, "cpu time"),
        ({"exit": -signal.SIGKILL}, {}, "signal"),
        ({"exit": -signal.SIGSEGV}, {}, "signal"),
        ({"exit": 71}, {}, "memory"),
        ({}, {"ended": "wall time"}, "wall time"),
        ({}, {"ended": "output"}, "output"),
        ({}, {"ended": "scratch"}, "scratch"),
    ],
)
def test_the_limit_that_ended_it_is_named(end: dict[str, Any], changes: dict[str, Any], killed_by: str) -> None:
    result = judge(TWO_STEPS, LIMITS, observed(FULL[:3], end, **changes), NONCE)
    assert (result.outcome, result.killed_by) == (Outcome.KILLED, killed_by)
    assert killed_by in result.reason
    assert result.steps[0].status == "returned"
    assert result.steps[1].status == "not run"


def test_a_launcher_that_never_got_going_is_a_refusal_with_its_last_words() -> None:
    result = judge(TWO_STEPS, LIMITS, Observed(stderr=bytearray(b"no such\ninterpreter")), NONCE)
    assert result.outcome is Outcome.REFUSED
    assert "no such interpreter" in result.reason


@given(st.sets(st.sampled_from(isolation.LAYERS)), st.sets(st.sampled_from(isolation.GUARANTEES)))
def test_more_layers_never_leave_more_open(layers: set[str], required: set[str]) -> None:
    for more in isolation.LAYERS:
        assert set(isolation.unmet(layers | {more}, required)) <= set(isolation.unmet(layers, required))


@given(st.sets(st.sampled_from([*isolation.LAYERS, *isolation.GUARANTEES])))
def test_nothing_runs_without_any_layer(required: set[str]) -> None:
    assert set(isolation.unmet((), required)) >= isolation.MINIMUM


def test_a_locked_down_container_can_give_every_guarantee() -> None:
    assert isolation.unmet(("rlimits", "landlock", "seccomp"), isolation.STRICT) == ()


def test_unknown_names_are_found() -> None:
    assert isolation.unknown(["files", "seccomp", "selinux"]) == ("selinux",)


@given(st.integers(1, 30))
def test_a_newer_landlock_handles_no_less(abi: int) -> None:
    older, newer = handled(abi), handled(abi + 1)
    assert all(before & after == before for before, after in zip(older, newer, strict=True))
