"""Was the promise of the month kept, what went wrong, would a restore work, what moved? Pure."""

from __future__ import annotations

from itertools import pairwise

from fleet.reports.facts import Facts, Work
from fleet.reports.lines import Line, Section, below, in_percent, in_seconds, in_usd, rest

WORTH_SAYING = 0.10
"""A figure that moved by less than this share has not changed."""


def service_level(facts: Facts) -> Section:
    now, before = facts.now.work, facts.before.work
    good, past = rest(now.error_rate), rest(before.error_rate)
    used = None if now.error_rate is None else now.error_rate / (1 - facts.goals.success_slo)
    return Section(
        "Service level",
        (
            Line("tasks that succeeded", in_percent(good), in_percent(past), f">= {facts.goals.success_slo:.1%}",
                 None if good is None else good >= facts.goals.success_slo),
            Line("error budget used", in_percent(used), goal="< 100%", ok=below(used, 1.0)),
            Line("error budget burn, last day", _burn(facts.last_day, facts.goals.success_slo), goal="1.0 would use it up exactly"),
            Line(f"waited longer than {facts.wait_goal_seconds:g} s", in_percent(now.late_share), in_percent(before.late_share),
                 f"<= {facts.violation_share:.0%}", None if now.late_share is None else now.late_share <= facts.violation_share),
        ),
    )  # fmt: skip


def incidents(facts: Facts) -> Section:
    counted: dict[str, int] = {}
    for row in facts.now.incidents:
        counted[str(row["rule"])] = counted.get(str(row["rule"]), 0) + 1
    total = Line("incidents", str(len(facts.now.incidents)), str(len(facts.before.incidents)))
    return Section("Incidents", (total, *(Line(rule, str(count)) for rule, count in sorted(counted.items()))))


def disaster(facts: Facts) -> Section:
    if not facts.drills:
        return Section("Restore drill", (Line("last drill", "never", goal="one that succeeds each day", ok=False),))
    last, good = facts.drills[0], [drill for drill in facts.drills if drill["ok"]]
    age = facts.now.end - last["at"]
    lines = [
        Line("last drill", f"{age / 86_400:.1f} days ago, {'succeeded' if last['ok'] else 'failed'}",
             goal="one that succeeds each day", ok=bool(last["ok"]) and age < 2 * 86_400),
        Line("drills", f"{len(facts.drills)}, {len(good)} of them succeeded"),
    ]  # fmt: skip
    if good:
        proven = sorted(drill["made_at"] for drill in good)
        gaps = [later - earlier for earlier, later in pairwise([*proven, facts.now.end])]
        lines.append(Line("RTO: longest restore", f"{max(drill['seconds'] for drill in good):.1f} s"))
        lines.append(Line("RPO: longest time without a proven backup", f"{max(gaps) / 3600:.1f} h"))
    return Section("Restore drill", tuple(lines))


def changes(facts: Facts) -> Section:
    """Return what became better or worse since the period before."""
    now, before = facts.now.work, facts.before.work
    each = facts.now.spent_micros / now.ended if now.ended else None
    each_before = facts.before.spent_micros / before.ended if before.ended else None
    compared = (
        ("response p95", now.p95_seconds, before.p95_seconds, in_seconds),
        ("error rate", now.error_rate, before.error_rate, in_percent),
        ("late tasks", now.late_share, before.late_share, in_percent),
        ("cost of a task", each, each_before, lambda micros: "-" if micros is None else in_usd(round(micros))),
    )
    lines = []
    for name, new, old, shown in compared:
        if new is not None and old is not None and abs(new - old) > WORTH_SAYING * max(old, 1e-9):
            lines.append(Line(f"{'better' if new < old else 'worse'}: {name}", shown(new), shown(old)))
    return Section("Improvements", tuple(lines or [Line("nothing moved", f"no figure by more than {WORTH_SAYING:.0%}")]))


def _burn(day: Work | None, objective: float) -> str:
    """Return how many times faster than allowed the error budget went in the last day."""
    return "-" if day is None or day.error_rate is None else f"{day.error_rate / (1 - objective):.1f} x"
