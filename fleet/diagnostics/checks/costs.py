"""Is the money under control?"""

from __future__ import annotations

from collections.abc import Iterator

from fleet.costs.budgets import Budget, Window
from fleet.diagnostics.facts import Facts
from fleet.diagnostics.finding import Finding, Severity

NEARLY_SPENT, SPENT = 80.0, 100.0


def budgets_hold(facts: Facts) -> Iterator[Finding]:
    for fill in facts.fills or ():
        if fill.percent >= NEARLY_SPENT:
            severity: Severity = "critical" if fill.percent >= SPENT else "warning"
            yield Finding(
                "costs.budget",
                severity,
                f"{fill.budget} ({fill.window.value})",
                f"{fill.percent:.0f} % spent",
                "at 100 % its policy acts on new tasks",
                f"look who spends (`fleet cost report`), then `fleet budget grant {fill.budget}`, or let it be",
            )


def paid_work_has_a_budget(facts: Facts) -> Iterator[Finding]:
    if facts.settings.llm.provider != "local" and facts.fills is not None and not facts.fills:
        yield Finding(
            "costs.no_budget",
            "warning",
            "budgets",
            f"{facts.settings.llm.provider} is paid and no budget is declared",
            "only the hourly rate limits stand between a loop and the bill",
            "declare one: `fleet budget set organisation --month 500`",
        )


def budgets_bound_the_sum(facts: Facts) -> Iterator[Finding]:
    named = {budget.name: budget for budget in facts.budgets or ()}
    for budget in named.values():
        above: Budget | None = budget
        while above and set(above.limits) <= {Window.TASK}:
            above = named.get(above.parent or "")
        if above is None:
            yield Finding(
                "costs.no_limit",
                "warning",
                budget.name,
                "it limits single tasks, and neither it nor a budget above it limits an hour, a day or a month",
                "any number of tasks may spend: a loop is stopped by nothing, and its policy never acts",
                f"add a window: `fleet budget set {budget.name} --month 500`, or limits_usd in the catalogue",
            )


CHECKS = (budgets_hold, paid_work_has_a_budget, budgets_bound_the_sum)
