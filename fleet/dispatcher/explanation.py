"""Why did a task go where it went?

Read from what was recorded with the decision, never guessed again afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fleet.dispatcher import contracts, tasks
from fleet.errors import NotFound


@dataclass(frozen=True, slots=True)
class Explanation:
    """A task's way through the fleet."""

    task_id: str
    task_type: str
    state: str
    strategy: str
    pool: str
    attempt: int
    reason: str
    held_seconds: float
    released_by: str
    size_seconds: float
    candidates: tuple[Mapping[str, Any], ...]
    rejected: tuple[Mapping[str, Any], ...]
    excluded: tuple[str, ...]
    contract: int
    made_by: str
    """Build of the producer; empty when the record no longer says."""
    strangers: tuple[str, ...]
    """While it is held: pools of which some worker does not understand the contract, as they are now."""

    def lines(self) -> list[str]:
        """Return the explanation as text."""
        said = [f"{self.task_type} {self.task_id}: {self.state}" + (f" ({self.reason})" if self.reason else "")]
        said.append(f"made by build {self.made_by or 'unknown'}, contract {self.contract}")
        if self.pool:
            said.append(
                f"attempt {self.attempt} went to {self.pool} by {self.strategy}, "
                f"released by {self.released_by or 'submit'} after {self.held_seconds:.2f} s held"
            )
        else:
            said.append(f"not released yet, strategy {self.strategy}: no capable pool has had a free slot worth taking")
        said += [f" x {pool:24} not all of its workers understand contract {self.contract}" for pool in self.strangers]
        for row in self.candidates:
            mark = "->" if row.get("pool") == self.pool else "  "
            terms = "  ".join(
                f"{name} {_shown(value)}"
                for name, value in row.items()
                if name not in ("pool", "terms") and value is not None
            )
            terms += "".join(f"  {name} {_shown(value)}" for name, value in (row.get("terms") or {}).items())
            said.append(f"{mark} {row.get('pool'):24} {terms}")
        said += [f" x {row.get('pool'):24} {row.get('reason')}" for row in self.rejected]
        if self.excluded:
            said.append(f"failed before on: {', '.join(self.excluded)}")
        return said


def explain(task_id: str) -> Explanation:
    """Read the record and the decision stored with it."""
    record = tasks.read(task_id)
    if record is None:
        raise NotFound(f"no task {task_id}: its record may have expired; `fleet tasks search` finds ended tasks")
    decision = record.decision
    candidates = tuple(row for row in decision.get("candidates", ()) if not row.get("out") and not row.get("excluded"))
    rejected = [dict(row) for row in decision.get("rejected", ())]
    rejected += [
        {"pool": row["pool"], "reason": "ejected after failures"}
        for row in decision.get("candidates", ())
        if row.get("out")
    ]
    rejected += [
        {"pool": row["pool"], "reason": "failed this task before"}
        for row in decision.get("candidates", ())
        if row.get("excluded")
    ]
    return Explanation(
        task_id, record.task_type, record.state, record.strategy, record.pool, record.attempt, record.reason,
        float(decision.get("held", 0.0)), str(decision.get("cause", "")), record.size_seconds, candidates, tuple(rejected), record.excluded,
        record.contract, tasks.made_by(task_id),
        tuple(contracts.strangers(record.task_type, record.contract)) if record.state == "held" else (),
    )  # fmt: skip


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
