"""What is the next step of a rotation, and where can it still be undone?

Pure. `planned -> staged -> admitted -> verified -> switched -> revoked -> done`: the new credential is written aside,
made valid beside the old one, tried with a real call, and only after an overlap becomes the one everybody reads; after
a second overlap the old one is withdrawn. Every step may run twice, so a crash anywhere resumes. Up to the switch a
refusal rolls back (`withdrawing -> rolled_back`); after it there is only forward, the old credential still valid.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class State(StrEnum):
    PLANNED = "planned"
    STAGED = "staged"
    ADMITTED = "admitted"
    VERIFIED = "verified"
    SWITCHED = "switched"
    REVOKED = "revoked"
    DONE = "done"
    WITHDRAWING = "withdrawing"
    ROLLED_BACK = "rolled_back"


class Step(StrEnum):
    STAGE = "stage"
    ADMIT = "admit"
    VERIFY = "verify"
    SWITCH = "switch"
    REVOKE = "revoke"
    CLOSE = "close"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Rotation:
    """One credential on its way to being another."""

    id: str
    path: str
    kind: str
    state: State
    old_version: int
    started_at: float
    changed_at: float
    reason: str = ""

    @property
    def ended(self) -> bool:
        return self.state in (State.DONE, State.ROLLED_BACK)


@dataclass(frozen=True, slots=True)
class Next:
    """A step that is due at `not_before` (already due when that has passed)."""

    step: Step
    not_before: float


_PATH: dict[State, tuple[Step, State]] = {
    State.PLANNED: (Step.STAGE, State.STAGED),
    State.STAGED: (Step.ADMIT, State.ADMITTED),
    State.ADMITTED: (Step.VERIFY, State.VERIFIED),
    State.VERIFIED: (Step.SWITCH, State.SWITCHED),
    State.SWITCHED: (Step.REVOKE, State.REVOKED),
    State.REVOKED: (Step.CLOSE, State.DONE),
    State.WITHDRAWING: (Step.WITHDRAW, State.ROLLED_BACK),
}
_AFTER_OVERLAP = frozenset({State.VERIFIED, State.SWITCHED})
_CAN_ROLL_BACK = frozenset({State.PLANNED, State.STAGED, State.ADMITTED, State.VERIFIED})


def next_step(rotation: Rotation, overlap_seconds: float) -> Next | None:
    """Return what to do next and when; None when the rotation ended."""
    if rotation.ended:
        return None
    step, _ = _PATH[rotation.state]
    overlaps = rotation.state in _AFTER_OVERLAP and rotation.old_version > 0  # a first credential replaces nothing
    wait = overlap_seconds if overlaps else 0.0
    return Next(step, rotation.changed_at + wait)


def advanced(rotation: Rotation, now: float) -> Rotation:
    """Return the rotation after its next step succeeded."""
    _, state = _PATH[rotation.state]
    return replace(rotation, state=state, changed_at=now)


def refused(rotation: Rotation, reason: str, now: float) -> Rotation:
    """Return the rotation after its new credential was refused: rolled back if that is still possible."""
    if rotation.state in _CAN_ROLL_BACK:
        return replace(rotation, state=State.WITHDRAWING, reason=reason, changed_at=now)
    return replace(rotation, reason=reason)
