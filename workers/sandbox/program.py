"""What is run, and what came of it?

A program is source plus steps. `evaluate` steps hand their value back to be judged out here, where the code cannot
touch the judge; `execute` steps (assertions that are more than a comparison) only tell whether they raised.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

StepKind = Literal["evaluate", "execute"]
StepStatus = Literal["returned", "raised", "not run"]
KilledBy = Literal["cpu time", "wall time", "memory", "output", "scratch", "signal"]


@dataclass(frozen=True, slots=True)
class Step:
    """One expression to evaluate or some statements to execute, after the source has been loaded."""

    kind: StepKind
    source: str


@dataclass(frozen=True, slots=True)
class Program:
    """Python source and what to do with it."""

    source: str
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception of the untrusted code, as text; `line` counts in the source, nothing when it was elsewhere."""

    type: str
    text: str
    line: int | None = None

    def __str__(self) -> str:
        where = f" (line {self.line})" if self.line else ""
        return f"{self.type}: {self.text}{where}" if self.text else f"{self.type}{where}"


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step did; `value` only after an `evaluate` step returned."""

    status: StepStatus
    value: Any = None
    raised: Raised | None = None


class Outcome(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    """Source loaded, every step had its turn."""
    LOAD_FAILED = "load failed"
    """The source itself raised."""
    KILLED = "killed"
    """A limit ended it; `killed_by` says which."""
    CRASHED = "crashed"
    """It ended itself before it was done."""
    REFUSED = "refused"
    """It was not run: this machine cannot give the required isolation."""


@dataclass(frozen=True, slots=True)
class SandboxResult:
    """Everything known about one run."""

    outcome: Outcome
    reason: str
    steps: tuple[StepResult, ...]
    isolation: tuple[str, ...]
    missing: dict[str, str]
    """Layers this machine could not give, and why."""
    duration_seconds: float
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    stdout: str = ""
    stderr: str = ""
    killed_by: KilledBy | None = None
    load_error: Raised | None = None
