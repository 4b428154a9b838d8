"""Is what the page says about decisions and incidents what was recorded?"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from fleet.alerts.states import Incident
from fleet.diagnostics.glance import MOST_DECISIONS, decisions, open_incidents, said
from fleet.dispatcher.tasks import TaskRecord

SENT = TaskRecord(
    "t1", "job", "default", "done", 1, 5, "fast", "fast.1@here", "late_binding", 1.0, 100.0, released_at=101.0,
    decision={"held": 1.0, "cause": "finish", "candidates": [{"pool": "fast"}, {"pool": "steady"}]},
)  # fmt: skip


def test_a_decision_names_how_long_it_waited_who_freed_the_slot_and_the_rivals() -> None:
    assert said(SENT) == "held 1.00 s, released by finish; instead of steady"
    retried = replace(SENT, attempt=3, reason="boom", decision={})
    assert said(retried) == "held 0.00 s, released by submit; the only pool that can; attempt 3; boom"


def test_decisions_are_the_newest_once_each_and_only_of_tasks_that_went_somewhere() -> None:
    many = [replace(SENT, task_id=f"t{n}", released_at=200.0 + n) for n in range(2 * MOST_DECISIONS)]
    waiting = replace(SENT, task_id="held", pool="", released_at=None)
    shown = decisions([waiting, *many, many[-1]])
    assert [row.task_id for row in shown] == [f"t{n}" for n in reversed(range(MOST_DECISIONS, 2 * MOST_DECISIONS))]


def test_open_incidents_come_worst_first_and_oldest_first() -> None:
    def incident(
        key: str,
        severity: Literal["critical", "warning", "info"],
        since: float,
        status: Literal["pending", "firing"] = "firing",
    ) -> Incident:
        return Incident(key, key, (), severity, status, since, since)

    found = [
        incident("b", "warning", 1),
        incident("c", "critical", 9),
        incident("d", "critical", 2),
        incident("p", "critical", 0, "pending"),
    ]
    assert [one.key for one in open_incidents(found)] == ["d", "c", "b"]
