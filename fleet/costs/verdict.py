"""What did the budgets say, and what can be done about it?

The answer of the reserve and ensure scripts as a value; its reason names the budget, the figures and the next step.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fleet.costs.money import written

Status = Literal["ok", "wait", "refuse", "defer", "pause", "quota"]
STATUSES: tuple[Status, ...] = ("ok", "wait", "refuse", "defer", "pause", "quota")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an amount may be spent; amounts in micro-dollars."""

    status: Status
    amount: int
    budget: str = ""
    window: str = ""
    limit: int = 0
    spent: int = 0
    reserved: int = 0
    available: int = 0
    retry_after_seconds: float | None = None
    downgrade: str = ""

    @property
    def allowed(self) -> bool:
        return self.status == "ok"

    @property
    def passing(self) -> bool:
        """Say whether the same question will have another answer without anybody acting."""
        return self.status in ("wait", "defer", "quota")

    @property
    def reason(self) -> str:
        """Say why, with the figures, and what to do next."""
        if self.status == "ok":
            hint = f"; budget {self.downgrade!r} asks for a cheaper model" if self.downgrade else ""
            return f"{written(self.amount)} reserved{hint}"
        if self.status == "quota":
            return f"{self.budget} is used up: try again in {self.retry_after_seconds or 0:.1f} s"
        left = max(self.limit - self.spent - self.reserved, 0)
        head = (
            f"budget {self.budget!r} ({self.window}) has {written(left)} left of {written(self.limit)} "
            f"({written(self.spent)} spent, {written(self.reserved)} reserved), {written(self.amount)} is needed"
        )
        match self.status:
            case "wait":
                return f"{head}: it waits until running tasks give back what they do not use"
            case "defer":
                return f"{head}: it is deferred until the window resets in {self.retry_after_seconds or 0:.0f} s"
            case "pause":
                return f"{head}: it is paused until `fleet budget grant {self.budget}` or the window resets"
            case _:
                return f"{head}: raise it with `fleet budget grant {self.budget}` or wait for the next {self.window}"


def parse(reply: str | bytes) -> Verdict:
    """Read a script's JSON verdict."""
    row: Mapping[str, Any] = json.loads(reply)
    status = row["status"]
    assert status in STATUSES, f"script answered status {status!r}"
    retry = row.get("retry_after_ms")
    return Verdict(
        status=status,
        amount=int(row["amount"]),
        budget=row.get("budget") or "",
        window=row.get("window") or "",
        limit=int(row.get("limit") or 0),
        spent=int(row.get("spent") or 0),
        reserved=int(row.get("reserved") or 0),
        available=int(row.get("available") or 0),
        retry_after_seconds=None if retry is None or retry < 0 else retry / 1000,
        downgrade=row.get("downgrade") or "",
    )
