"""What do the numbers say: is each goal met, what changed, what must a human still do? Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fleet.reports.facts import Facts

P95_GOAL, ERROR_GOAL, CPU_GOAL, MEMORY_GOAL, BUDGET_GOAL, SERVICE_GOAL = 5.0, 0.01, 0.80, 0.85, 0.80, 0.99

COMMANDS = (
    ("response", "`fleet pools`, `fleet scale explain POOL`"),
    ("error rate", "`fleet tasks search --state failed`"),
    ("tasks that succeeded", "`fleet tasks search --state failed`"),
    ("error budget", "`fleet tasks search --state failed`"),
    ("waited", "`fleet scale explain POOL`"),
    ("workers", "`fleet workers`, `fleet doctor`"),
    ("budget", "`fleet budget show`"),
    ("unusual", "`fleet cost report`"),
    ("refused", "`fleet audit list`"),
    ("secrets", "`fleet secrets rotate PATH`"),
    ("bottleneck", "`fleet scale history POOL`"),
    ("last drill", "set FLEET_SECRETS__PASSPHRASE; `fleet backup create FOLDER`, `fleet backup drill FILE`"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One number: now, in the period before, its goal, and whether it is met (None: there is nothing to meet)."""

    label: str
    value: str
    before: str = ""
    goal: str = ""
    ok: bool | None = None


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One entry of the checklist: ticked by a fact, or something to do."""

    text: str
    done: bool
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    span: str
    cell: str
    start: float
    end: float
    sections: tuple[Section, ...]
    checklist: tuple[Check, ...]


def report(facts: Facts) -> Report:
    """Return the report; longer spans hold what shorter ones do, and more."""
    found = [_work(facts), _capacity(facts), _costs(facts), _security(facts)]
    if facts.span != "daily":
        found += [_types(facts), _scaling(facts), _advice(facts)]
    if facts.span == "monthly":
        found += [_service_level(facts), _incidents(facts), _disaster(facts)]
    return Report(facts.span, facts.cell, facts.now.start, facts.now.end, tuple(found), _checklist(found))


def _work(facts: Facts) -> Section:
    now, before = facts.now.work, facts.before.work
    lines = [
        Line("tasks ended", str(now.ended), str(before.ended)),
        Line(
            "response p95",
            _s(now.p95_seconds),
            _s(before.p95_seconds),
            f"< {P95_GOAL:g} s",
            _below(now.p95_seconds, P95_GOAL),
        ),
        Line("response mean", _s(now.mean_seconds), _s(before.mean_seconds)),
        Line(
            "error rate",
            _p(now.error_rate),
            _p(before.error_rate),
            f"< {ERROR_GOAL:.0%}",
            _below(now.error_rate, ERROR_GOAL),
        ),
    ]
    if not now.complete:
        lines.append(Line("history", "does not reach the period's beginning", goal="complete", ok=False))
    return Section("Work", tuple(lines))


def _capacity(facts: Facts) -> Section:
    failed = facts.workers.get("failed", 0)
    listed = ", ".join(f"{count} {status}" for status, count in sorted(facts.workers.items())) or "none"
    return Section(
        "Workers",
        (
            Line("workers", listed, goal="none failed", ok=failed == 0 and bool(facts.workers)),
            Line("CPU of this host", _p(facts.cpu), goal=f"< {CPU_GOAL:.0%}", ok=_below(facts.cpu, CPU_GOAL)),
            Line(
                "memory of this host",
                _p(facts.memory),
                goal=f"< {MEMORY_GOAL:.0%}",
                ok=_below(facts.memory, MEMORY_GOAL),
            ),
        ),
    )


def _costs(facts: Facts) -> Section:
    lines = [Line("spent", _usd(facts.now.spent_micros), _usd(facts.before.spent_micros))]
    lines += [Line(f"spent on {name}", _usd(micros), _usd(facts.before.spent_by_type.get(name, 0)))
              for name, micros in sorted(facts.now.spent_by_type.items(), key=lambda item: -item[1])]  # fmt: skip
    lines += [
        Line(f"budget {name}", f"{share:.0%} used", goal=f"< {BUDGET_GOAL:.0%}", ok=share < BUDGET_GOAL)
        for name, share in facts.budgets
    ]
    lines.append(Line("unusual use", "; ".join(facts.anomalies) or "none", goal="none", ok=not facts.anomalies))
    return Section("Costs", tuple(lines))


def _security(facts: Facts) -> Section:
    now, before = facts.now.failed_logins, facts.before.failed_logins
    lines = [Line("refused logins", str(now), str(before), "no more than before", now <= before)]
    if facts.secrets is not None:
        old = sorted(path for path, verdict in facts.secrets.items() if verdict != "fresh")
        lines.append(
            Line("secrets to rotate", ", ".join(old) or f"none of {len(facts.secrets)}", goal="none", ok=not old)
        )
    return Section("Security", tuple(lines))


def _types(facts: Facts) -> Section:
    before = facts.before.work.by_type
    return Section(
        "Task types",
        tuple(
            Line(name, f"{ended} ended, {failed} failed", _pair(before.get(name)), f"< {ERROR_GOAL:.0%} failed", failed / ended < ERROR_GOAL)
            for name, (ended, failed) in sorted(facts.now.work.by_type.items())
        ),
    )  # fmt: skip


def _scaling(facts: Facts) -> Section:
    return Section(
        "Scaling",
        tuple(
            Line(
                f"pool {pool.name}",
                f"{pool.lowest} to {pool.highest} replicas, {pool.changes} changes, now {pool.latest}",
            )
            for pool in facts.pools
        ),
    )


def _advice(facts: Facts) -> Section:
    lines = []
    for pool in facts.pools:
        total = sum(pool.limited_by.values())
        for limit in ("maximum", "quota", "budget"):
            share = pool.limited_by.get(limit, 0) / total if total else 0.0
            if share > 0.05:
                lines.append(
                    Line(f"bottleneck: pool {pool.name}", f"{share:.0%} of its targets were cut by its {limit}",
                         goal=f"raise the {limit}, or accept the wait", ok=False)
                )  # fmt: skip
    if facts.projection_usd:
        value, low, high = facts.projection_usd
        lines.append(Line("forecast: this month", f"{value:.2f} USD", goal=f"{low:.2f} to {high:.2f} USD is likely"))
    lines += [Line("saving", text) for text in facts.suggestions]
    return Section("Bottlenecks, forecast, advice", tuple(lines))


def _service_level(facts: Facts) -> Section:
    now, before = facts.now.work, facts.before.work
    good, past = _rest(now.error_rate), _rest(before.error_rate)
    used = None if now.error_rate is None else now.error_rate / (1 - SERVICE_GOAL)
    return Section(
        "Service level",
        (
            Line("tasks that succeeded", _p(good), _p(past), f">= {SERVICE_GOAL:.0%}", None if good is None else good >= SERVICE_GOAL),
            Line("error budget used", _p(used), goal="< 100%", ok=_below(used, 1.0)),
            Line(f"waited longer than {facts.wait_goal_seconds:g} s", _p(now.late_share), _p(before.late_share),
                 f"<= {facts.violation_share:.0%}", None if now.late_share is None else now.late_share <= facts.violation_share),
        ),
    )  # fmt: skip


def _incidents(facts: Facts) -> Section:
    counted: dict[str, int] = {}
    for row in facts.now.incidents:
        counted[str(row["rule"])] = counted.get(str(row["rule"]), 0) + 1
    total = Line("incidents", str(len(facts.now.incidents)), str(len(facts.before.incidents)))
    return Section("Incidents", (total, *(Line(rule, str(count)) for rule, count in sorted(counted.items()))))


def _disaster(facts: Facts) -> Section:
    if facts.drill is None:
        return Section("Restore drill", (Line("last drill", "never", goal="one that succeeds each day", ok=False),))
    age, took, lost = facts.now.end - facts.drill["at"], facts.drill["seconds"], facts.drill["age_seconds"]
    value = f"{age / 86_400:.1f} days ago, restored in {took:.1f} s, {lost:.0f} s of work would have been lost"
    done = bool(facts.drill["ok"]) and age < 2 * 86_400
    return Section("Restore drill", (Line("last drill", value, goal="one that succeeds each day", ok=done),))


def _checklist(sections: Iterable[Section]) -> tuple[Check, ...]:
    judged = [line for section in sections for line in section.lines if line.ok is not None]
    return tuple(Check(f"{line.label}: {line.value}", bool(line.ok), "" if line.ok else _todo(line)) for line in judged)


def _todo(line: Line) -> str:
    """Return what to type, by the beginning of the label."""
    typed = next((command for head, command in COMMANDS if line.label.startswith(head)), "`fleet doctor`")
    return f"{typed}; goal {line.goal}"


def _below(value: float | None, goal: float) -> bool | None:
    return None if value is None else value < goal


def _rest(rate: float | None) -> float | None:
    return None if rate is None else 1 - rate


def _pair(counts: tuple[int, int] | None) -> str:
    return f"{counts[0]} ended, {counts[1]} failed" if counts else ""


def _s(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2f} s"


def _p(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _usd(micros: int) -> str:
    return f"{micros / 1e6:.4f} USD"
