"""Is what follows a failure decided by what failed, and is waiting bounded?"""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from billiard.exceptions import WorkerLostError
from hypothesis import given

from fleet.dispatcher.errors import PermanentFailure
from fleet.dispatcher.patience import patiently
from fleet.dispatcher.retry import after_failure
from fleet.errors import InvalidPayload, StoreUnavailable


@given(st.integers(1, 200), st.floats(0, 10), st.floats(10, 1000), st.floats(0, 1, exclude_max=True))
def test_back_off_doubles_with_full_jitter_up_to_a_ceiling(attempt: int, base: float, most: float, draw: float) -> None:
    after = after_failure(RuntimeError("no"), attempt, base, most, lambda: draw)
    assert after.outcome == "retry"
    assert 0 <= after.delay_seconds <= min(most, base * 2 ** min(attempt - 1, 32))
    longest = after_failure(RuntimeError("no"), attempt, base, most, lambda: 1.0).delay_seconds
    assert longest <= after_failure(RuntimeError("no"), attempt + 1, base, most, lambda: 1.0).delay_seconds


@pytest.mark.parametrize("error", [PermanentFailure("x"), InvalidPayload("job", ["x"])])
def test_what_cannot_work_is_not_tried_again(error: Exception) -> None:
    after = after_failure(error, 1, 1.0, 10.0)
    assert (after.outcome, after.is_task_fault) == ("failed", True)


def test_a_lost_process_is_nobodys_failure() -> None:
    assert after_failure(WorkerLostError("signal 9"), 1, 1.0, 10.0).outcome == "lost"


def test_a_store_that_comes_back_is_waited_for_and_told_that_it_was_asked_before() -> None:
    asked: list[bool] = []

    def ask(again: bool) -> str:
        asked.append(again)
        if len(asked) < 3:
            raise StoreUnavailable("away")
        return "here"

    assert patiently(ask) == "here"
    assert asked == [False, True, True]


def test_patience_ends() -> None:
    def away(_: bool) -> None:
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        patiently(away, seconds=0.1)
