"""Which model answers next, when cheap ones are tried first and only checked answers count?

A provider that climbs a plan: asking it again means that the answer before did not pass. What each model achieved is
remembered per task type, and a hold-out share of tasks measures what climbing saves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fleet.costs.escalation import Plan
from fleet.costs.outcomes import record_attempt, record_task
from fleet.store.client import Client
from workers.llm.provider import Completion, CompletionRequest
from workers.paid import PaidProvider


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered question: the model the plan meant, the one that answered, and what it cost."""

    planned: str
    model: str
    micros: int


@dataclass(slots=True)
class Escalating:
    """One task's way up the ladder; `judged` ends it."""

    plan: Plan
    open_model: Callable[[str], PaidProvider]
    answers: list[Answer] = field(default_factory=list)
    opened: dict[str, PaidProvider] = field(default_factory=dict)

    @property
    def planned(self) -> str:
        """Return the model whose turn it is; the last one of the plan stays when the ladder ends."""
        return self.plan.after([answer.planned for answer in self.answers]) or self.plan.models[-1]

    @property
    def current(self) -> PaidProvider:
        if self.planned not in self.opened:
            self.opened[self.planned] = self.open_model(self.planned)
        return self.opened[self.planned]

    @property
    def name(self) -> str:
        return self.current.name

    @property
    def model(self) -> str:
        return self.current.model

    @property
    def small(self) -> bool:
        return self.current.small

    def complete(self, request: CompletionRequest) -> Completion:
        """Ask the model whose turn it is."""
        planned, provider = self.planned, self.current
        before = provider.micros
        completion = provider.complete(request)
        self.answers.append(Answer(planned, provider.model, provider.micros - before))
        return completion

    def judged(self, client: Client, cell: str, task_type: str, *, passed: bool) -> None:
        """Remember what each model achieved: all but the last failed, or there would have been no next one."""
        for number, answer in enumerate(self.answers, start=1):
            won = passed and number == len(self.answers)
            record_attempt(client, cell, task_type, answer.model, passed=won, micros=answer.micros)
        spent = sum(answer.micros for answer in self.answers)
        record_task(client, cell, task_type, self.plan.arm, passed=passed, micros=spent)
