"""What does a step of a release answer?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """Go on or not; the reason says why in either case."""

    ok: bool
    reason: str
    details: dict[str, Any] = field(default_factory=dict)
