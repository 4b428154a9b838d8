"""Which model first, and which next when its answer does not pass the check?

Start cheap, verify, escalate. Where to start is learned per task type: the rung whose expected cost until success is
lowest. A hold-out share of tasks goes straight to the best model, so that savings are measured and not claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import sqrt
from typing import Any, Literal

Arm = Literal["escalate", "hold-out"]
HOLD_OUT_SHARE = 0.05
# A model nobody tried yet is believed to succeed two times in three, so that it gets tried.
PRIOR_WON, PRIOR_TRIED = 2.0, 3.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How often a model's answer passed the check for one task type, and what its attempts cost together."""

    won: int = 0
    tried: int = 0
    micros: int = 0

    @property
    def success_rate(self) -> float:
        """Return the believed rate: counted, with a prior that fades."""
        return (self.won + PRIOR_WON) / (self.tried + PRIOR_TRIED)


@dataclass(frozen=True, slots=True)
class Rung:
    """A model of the ladder: what one attempt with it is expected to cost (micro-dollars), and how good it is."""

    model: str
    micros: int
    quality: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The models to try in order, and why this order."""

    arm: Arm
    models: tuple[str, ...]
    expected_micros: int
    reason: str

    def after(self, tried: Sequence[str]) -> str | None:
        """Return the next model after failed checks; None: the ladder ends."""
        return next((model for model in self.models if model not in tried), None)


def plan(
    task_id: str, ladder: Iterable[Rung], outcomes: Mapping[str, Outcome], *, hold_out: float = HOLD_OUT_SHARE
) -> Plan:
    """Plan one task. Models that cost more without being better are left out; the best one is the end of every plan."""
    rungs: list[Rung] = []
    for rung in sorted(ladder, key=lambda rung: (_cost(rung, outcomes), -rung.quality, rung.model)):
        if not rungs or rung.quality > rungs[-1].quality:
            rungs.append(rung)
    if not rungs:
        raise ValueError("a ladder needs at least one model")
    best = rungs[-1]
    if len(rungs) > 1 and _in_hold_out(task_id, hold_out):
        return Plan(
            "hold-out", (best.model,), _cost(best, outcomes), f"hold-out: {best.model} alone, to measure savings"
        )
    # Expected cost until success when starting at each rung: its own, plus what failing there leads to.
    expected: list[float] = [0.0] * len(rungs)
    following = 0.0
    for index in range(len(rungs) - 1, -1, -1):
        rate = outcomes.get(rungs[index].model, Outcome()).success_rate
        expected[index] = _cost(rungs[index], outcomes) + (1 - rate) * following
        following = expected[index]
    start = min(range(len(rungs)), key=lambda index: expected[index])
    rate = outcomes.get(rungs[start].model, Outcome()).success_rate
    reason = (
        f"{rungs[start].model} first: passes {rate:.0%} of checks, {expected[start] / 1e6:.6f} USD expected to success"
    )
    return Plan("escalate", tuple(rung.model for rung in rungs[start:]), round(expected[start]), reason)


@dataclass(frozen=True, slots=True)
class Savings:
    """What escalating saved against the hold-out, per task, with 95 % intervals."""

    tasks: int
    held_out: int
    success: float
    success_held_out: float
    share: float
    low: float
    high: float

    def as_dict(self) -> Mapping[str, Any]:
        return {
            "tasks": self.tasks,
            "held_out": self.held_out,
            "success_rate": round(self.success, 4),
            "success_rate_held_out": round(self.success_held_out, 4),
            "saved_share": round(self.share, 4),
            "saved_share_interval": [round(self.low, 4), round(self.high, 4)],
        }


@dataclass(frozen=True, slots=True)
class ArmTotals:
    """Sums over the tasks of one arm: enough for a mean and its variance, whatever their number."""

    tasks: int = 0
    won: int = 0
    micros: int = 0
    squares: float = 0.0

    def with_task(self, won: bool, micros: int) -> ArmTotals:
        return ArmTotals(self.tasks + 1, self.won + won, self.micros + micros, self.squares + float(micros) ** 2)

    @property
    def mean(self) -> float:
        return self.micros / self.tasks if self.tasks else 0.0

    @property
    def error(self) -> float:
        """Return the standard error of the mean."""
        if self.tasks < 2:
            return float("inf")
        variance = max(self.squares - self.tasks * self.mean**2, 0.0) / (self.tasks - 1)
        return sqrt(variance / self.tasks)


def savings(escalated: ArmTotals, held_out: ArmTotals) -> Savings | None:
    """Compare the arms; None until both have two tasks and the hold-out cost something."""
    if escalated.tasks < 2 or held_out.tasks < 2 or held_out.mean <= 0:
        return None
    ratio = escalated.mean / held_out.mean
    # Ratio of two independent means, by the delta method.
    error = ratio * sqrt((escalated.error / max(escalated.mean, 1e-9)) ** 2 + (held_out.error / held_out.mean) ** 2)
    return Savings(
        tasks=escalated.tasks,
        held_out=held_out.tasks,
        success=escalated.won / escalated.tasks,
        success_held_out=held_out.won / held_out.tasks,
        share=1 - ratio,
        low=1 - ratio - 1.96 * error,
        high=1 - ratio + 1.96 * error,
    )


def _cost(rung: Rung, outcomes: Mapping[str, Outcome]) -> int:
    known = outcomes.get(rung.model)
    return round(known.micros / known.tried) if known and known.tried >= 5 else rung.micros


def _in_hold_out(task_id: str, share: float) -> bool:
    draw = int.from_bytes(blake2b(task_id.encode(), digest_size=8, key=b"hold-out").digest(), "big")
    return draw < share * 2**64
