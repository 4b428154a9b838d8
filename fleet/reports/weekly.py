"""What does a longer look show: which types, how pools were scaled, what bound them, what comes? Pure."""

from __future__ import annotations

from fleet.clock import utc
from fleet.reports.facts import Facts, Pool
from fleet.reports.lines import Line, Section, counted

OFTEN = 0.80
"""A limit that decided more than this share of the targets."""


def types(facts: Facts) -> Section:
    before = facts.before.work.by_type
    return Section(
        "Task types",
        tuple(
            Line(name, f"{ended} ended, {failed} failed", counted(before.get(name)), f"< {facts.goals.error_rate:.1%} failed",
                 failed / ended < facts.goals.error_rate)
            for name, (ended, failed) in sorted(facts.now.work.by_type.items())
        ),
    )  # fmt: skip


def scaling(facts: Facts) -> Section:
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


def advice(facts: Facts) -> Section:
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
    lines += [line for pool in facts.pools if (line := _threshold(pool, facts.violation_share))]
    lines += [Line("saving", text) for text in facts.suggestions]
    return Section("Bottlenecks and advice", tuple(lines or [Line("nothing", "no limit bound, no promise was missed")]))


def _threshold(pool: Pool, allowed: float) -> Line | None:
    """Return what the pool's own waits and targets say about its thresholds; `fleet plan` tries it before it is done."""
    total, late = sum(pool.limited_by.values()), pool.late / pool.started if pool.started else 0.0
    at_minimum = pool.limited_by.get("minimum", 0) / total if total else 0.0
    typed = f"`fleet plan --pool {pool.name}` plays it on your own days"
    if pool.started and late > allowed:
        return Line(f"threshold: pool {pool.name}", f"{late:.1%} of {pool.started} tasks waited longer than its goal",
                    goal=f"<= {allowed:.1%}; a higher min_replicas or max_replicas: {typed}", ok=False)  # fmt: skip
    if at_minimum > OFTEN and pool.lowest > 0 and late < allowed:
        return Line(f"threshold: pool {pool.name}", f"its minimum decided {at_minimum:.0%} of its targets, {late:.1%} waited too long",
                    goal=f"a lower min_replicas may do: {typed}")  # fmt: skip
    return None


def ahead(facts: Facts) -> Section:
    lines = []
    if facts.projection_usd:
        value, low, high = facts.projection_usd
        lines.append(Line("bill of this month", f"{value:.2f} USD", goal=f"{low:.2f} to {high:.2f} USD is likely"))
    for pool in facts.pools:
        if (found := facts.forecasts.get(pool.name)) is None:
            lines.append(Line(f"pool {pool.name}, next 30 days", "no forecast: three whole days of history are needed"))
            continue
        tested = "" if found.tested_error is None else f"; tested on its last {found.tested_days} days: {found.tested_error:.0%} off"
        lines.append(Line(f"pool {pool.name}, next 30 days", f"{found.total.value:,.0f} tasks, {found.direction}",
                          goal=f"{found.total.low:,.0f} to {found.total.high:,.0f} is likely{tested}"))  # fmt: skip
    return Section("Forecast", tuple(lines))


def plan(facts: Facts) -> Section:
    """Return what the newest plan proposes, tried on recorded days, and where all of it stands."""
    if facts.plan is None:
        return Section("Plan", (Line("next month", "no plan was made yet: `fleet plan`, or beat's next Monday"),))
    made = f"made {utc(facts.plan.made_at):%Y-%m-%d}, {len(facts.plan.proposals)} proposals"
    lines = [Line(f"month {facts.plan.month}", made, link=facts.plan.page)]
    lines += [Line("proposal", text) for text in facts.plan.proposals]
    return Section("Plan", tuple(lines))
