"""Does a rotation always end, never before its overlaps, and never lose both credentials?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.secrets.rotation import Rotation, State, Step, advanced, next_step, refused

OVERLAP = 60.0


def planned() -> Rotation:
    return Rotation("r1", "fleet/broker/worker", "broker", State.PLANNED, 3, 0.0, 0.0)


def test_the_straight_path_waits_twice() -> None:
    rotation, now, steps = planned(), 0.0, []
    while (due := next_step(rotation, OVERLAP)) is not None:
        now = max(now, due.not_before)
        steps.append((due.step, now))
        rotation = advanced(rotation, now)
    assert rotation.state is State.DONE
    assert steps == [
        (Step.STAGE, 0),
        (Step.ADMIT, 0),
        (Step.VERIFY, 0),
        (Step.SWITCH, OVERLAP),
        (Step.REVOKE, 2 * OVERLAP),
        (Step.CLOSE, 2 * OVERLAP),
    ]


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 100)), max_size=20))
def test_whatever_is_refused_at_least_one_credential_is_valid_and_it_ends(turns: list[tuple[bool, float]]) -> None:
    rotation, now = planned(), 0.0
    old_valid, new_valid, read = True, False, "old"
    plan = iter([*turns, *[(True, OVERLAP)] * 10])
    while (due := next_step(rotation, OVERLAP)) is not None:
        works, passed = next(plan)
        now += passed
        if now < due.not_before:
            continue
        if not works:
            rotation = refused(rotation, "no", now)
            continue
        match due.step:
            case Step.ADMIT:
                new_valid = True
            case Step.SWITCH:
                read = "new"
            case Step.REVOKE:
                old_valid = False
            case Step.WITHDRAW:
                new_valid = False
        rotation = advanced(rotation, now)
        assert {"old": old_valid, "new": new_valid}[read], "what everybody reads must be valid"
    if rotation.state is State.DONE:
        assert (read, new_valid, old_valid) == ("new", True, False)
    else:
        assert rotation.state is State.ROLLED_BACK
        assert (read, new_valid, old_valid, rotation.reason) == ("old", False, True, "no")


def test_a_first_credential_has_nothing_to_overlap_with() -> None:
    rotation = replace(planned(), old_version=0)
    while (due := next_step(rotation, OVERLAP)) is not None:
        assert due.not_before == 0
        rotation = advanced(rotation, 0)


@pytest.mark.parametrize("state", [State.SWITCHED, State.REVOKED])
def test_after_the_switch_there_is_only_forward(state: State) -> None:
    rotation = Rotation("r1", "p", "k", state, 3, 0.0, 5.0)
    after = refused(rotation, "the broker is away", 9.0)
    assert (after.state, after.changed_at, after.reason) == (state, 5.0, "the broker is away")
