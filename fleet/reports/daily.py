"""What does every report say: work, workers, costs, security? Pure."""

from __future__ import annotations

from collections.abc import Callable

from fleet.reports.facts import Facts, Machine
from fleet.reports.lines import Line, Section, below, in_percent, in_seconds, in_usd


def work(facts: Facts) -> Section:
    now, before = facts.now.work, facts.before.work
    lines = [
        Line("tasks ended", str(now.ended), str(before.ended)),
        Line(
            "response p95",
            in_seconds(now.p95_seconds),
            in_seconds(before.p95_seconds),
            f"< {facts.goals.p95_seconds:g} s",
            below(now.p95_seconds, facts.goals.p95_seconds),
        ),
        Line("response mean", in_seconds(now.mean_seconds), in_seconds(before.mean_seconds)),
        Line(
            "error rate",
            in_percent(now.error_rate),
            in_percent(before.error_rate),
            f"< {facts.goals.error_rate:.1%}",
            below(now.error_rate, facts.goals.error_rate),
        ),
    ]
    if not now.complete:
        lines.append(Line("history", "does not reach the period's beginning", goal="complete", ok=False))
    return Section("Work", tuple(lines))


def capacity(facts: Facts) -> Section:
    failed = facts.workers.get("failed", 0)
    listed = ", ".join(f"{count} {status}" for status, count in sorted(facts.workers.items())) or "none"
    return Section(
        "Workers",
        (
            Line("workers", listed, goal="none failed", ok=failed == 0 and bool(facts.workers)),
            _machines("CPU", facts, facts.goals.cpu, lambda machine: machine.cpu),
            _machines("memory", facts, facts.goals.memory, lambda machine: machine.memory),
        ),
    )


def _machines(what: str, facts: Facts, goal: float, share: Callable[[Machine], float | None]) -> Line:
    """Return how full the machines are: their mean, and the fullest, which the goal is for."""
    told = [(value, machine.name) for machine in facts.machines.found if (value := share(machine)) is not None]
    label = f"{what} of {facts.machines.what} now"
    if not told:
        return Line(label, f"{facts.machines.source} did not say", goal=f"< {goal:.0%}")
    most, name = max(told)
    mean = sum(value for value, _ in told) / len(told)
    text = in_percent(most) if len(told) == 1 else f"{in_percent(mean)} on average, {name} {in_percent(most)} ({len(told)} by {facts.machines.source})"
    return Line(label, text, goal=f"< {goal:.0%} on each", ok=most < goal)


def costs(facts: Facts) -> Section:
    lines = [Line("spent", in_usd(facts.now.spent_micros), in_usd(facts.before.spent_micros))]
    lines += [Line(f"spent on {name}", in_usd(micros), in_usd(facts.before.spent_by_type.get(name, 0)))
              for name, micros in sorted(facts.now.spent_by_type.items(), key=lambda item: -item[1])]  # fmt: skip
    lines += [
        Line(f"budget {name}", f"{share:.0%} used", goal=f"< {facts.goals.budget:.0%}", ok=share < facts.goals.budget)
        for name, share in facts.budgets
    ]
    lines.append(Line("unusual use", "; ".join(facts.anomalies) or "none", goal="none", ok=not facts.anomalies))
    return Section("Costs", tuple(lines))


def security(facts: Facts) -> Section:
    now, before = facts.now.failed_logins, facts.before.failed_logins
    lines = [Line("refused logins", str(now), str(before), "no more than before", now <= before)]
    if facts.secrets is not None:
        old = sorted(path for path, verdict in facts.secrets.items() if verdict != "fresh")
        lines.append(
            Line("secrets to rotate", ", ".join(old) or f"none of {len(facts.secrets)}", goal="none", ok=not old)
        )
    if facts.secrets_unseen:
        lines.append(Line("ages of Kubernetes Secrets", f"not seen: {facts.secrets_unseen}"))
    return Section("Security", tuple(lines))
