"""How did a delivery go?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Outcome:
    """`later` may work another time (after `wait_seconds`, when the receiver named one); `never` will not."""

    answer: Literal["told", "later", "never"]
    reason: str = ""
    wait_seconds: float | None = None


TOLD = Outcome("told")
