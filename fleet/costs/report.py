"""How does a person read the costs?

As text for a terminal, or as one HTML file with charts and nothing to fetch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from io import StringIO

from fleet.costs.analysis import Analysis
from fleet.costs.budget_store import Fill
from fleet.costs.job import CostReport
from fleet.costs.money import written

POOL_TIME = "pool time"
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{padding:.25rem .8rem;border-bottom:1px solid #d8dee6;"
    "text-align:left}td.n{text-align:right;font-variant-numeric:tabular-nums}.critical{color:#b00020}.watch{color:#8a5a00}"
    "svg{max-width:100%;height:auto}"
)


def as_text(report: CostReport) -> str:
    """Return the report for a terminal."""
    a = report.analysis
    lines = [
        f"{written(a.total)} in {len(a.daily)} days: {a.entries} entries, {a.tokens:,} tokens",
        f"pool time {written(a.replica_total)} of it",
        f"daily average {written(round(a.daily_average))}, {written(round(a.burn_per_hour))} an hour now, {_trend(a)}",
        f"this month {written(a.month_spent)}{_of_limit(a)}, projected {_range(a)}",
    ]
    for by in ("model", "task_type", "tenant"):
        lines.append(f"by {by.replace('_', ' ')}:")
        lines += [f"  {name or POOL_TIME:<28}{written(m):>18}{share:>7.1%}" for name, m, share in _shares(a, by)]
    lines += ["per successful task:"] * bool(a.per_success)
    for success in a.per_success:
        cost = success.cost
        price = (
            f"{written(round(cost.value))} ({written(round(cost.low))} to {written(round(cost.high))})"
            if cost
            else "no success yet"
        )
        lines.append(f"  {success.task_type:<28}{price}, {success.succeeded} of {success.tasks}")
    lines += ["budgets:"] * bool(report.budgets)
    lines += [f"  {line}" for line in budget_lines(report.budgets)]
    lines += [
        f"unusual: {x.task_type} {x.what} is {written(round(x.now))}, usually {written(round(x.usual))}"
        for x in a.anomalies
    ]
    lines += [f"{s.severity}: {s.text}" for s in a.suggestions]
    return "\n".join(lines)


def budget_lines(fills: Iterable[Fill]) -> list[str]:
    """Return one line per budget window."""
    return [
        f"{fill.budget:<20}{fill.window.value:<7}{fill.start:<15}{written(fill.spent):>16} of {written(fill.limit)}"
        f" ({fill.percent:.0f} %), {written(fill.reserved)} reserved"
        for fill in fills
    ]


def as_html(report: CostReport) -> str:
    """Return the report as one self-contained page."""
    a = report.analysis
    facts = {
        "Total": written(a.total),
        "Pool time of it": written(a.replica_total),
        "Daily average": written(round(a.daily_average)),
        "Burn rate per hour": written(round(a.burn_per_hour)),
        "Last seven days": _trend(a),
        "This month": written(a.month_spent) + _of_limit(a),
        "Month projected": _range(a),
    }
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Costs</title>",
        f"<style>{_STYLE}</style><h1>Costs</h1>",
        _table(((name, value) for name, value in facts.items())),
    ]
    parts += [f"<p class={s.severity}><b>{s.severity}</b> {escape(s.text)}</p>" for s in a.suggestions]
    parts += [
        f"<p class=watch><b>unusual</b> {escape(x.task_type)}: {x.what} {written(round(x.now))}, usually "
        f"{written(round(x.usual))}</p>"
        for x in a.anomalies
    ]
    if a.daily:
        parts += ["<h2>By day</h2>", _daily_chart(a.daily)]
    for by in ("model", "task_type", "tenant", "agent_type"):
        rows = [(name or POOL_TIME, written(m), f"{share:.1%}") for name, m, share in _shares(a, by)]
        if rows:
            parts += [f"<h2>By {by.replace('_', ' ')}</h2>", _table(rows)]
    if a.per_success:
        rows = [
            (s.task_type, written(round(s.cost.value)) if s.cost else "-", f"{s.succeeded} of {s.tasks}")
            for s in a.per_success
        ]
        parts += ["<h2>Per successful task</h2>", _table(rows)]
    if report.budgets:
        fills = [(f"{f.budget}, {f.window} {f.start}", written(f.spent), f"{f.percent:.0f} % of {written(f.limit)}")
                 for f in report.budgets]  # fmt: skip
        parts += ["<h2>Budgets</h2>", _table(fills)]
    return "\n".join(parts)


def _daily_chart(daily: Mapping[str, int]) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.8), layout="constrained")
    axes = figure.add_subplot()
    days = list(daily)
    axes.bar(range(len(days)), [micros / 1e6 for micros in daily.values()], color="#3367b0")
    step = max(len(days) // 8, 1)
    axes.set_xticks(range(0, len(days), step), days[::step], fontsize=8)
    axes.set_ylabel("USD")
    axes.spines[["top", "right"]].set_visible(False)
    svg = StringIO()
    figure.savefig(svg, format="svg")
    text = svg.getvalue()
    return text[text.index("<svg") :]


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    body = "".join(
        f"<tr><td>{escape(first)}</td>{''.join(f'<td class=n>{escape(cell)}</td>' for cell in rest)}</tr>"
        for first, *rest in rows
    )
    return f"<table>{body}</table>"


def _shares(a: Analysis, by: str) -> list[tuple[str, int, float]]:
    return [(name, m, m / a.total if a.total else 0.0) for name, m in a.breakdown[by].items()][:20]


def _trend(a: Analysis) -> str:
    if a.trend.direction == "unknown":
        return "too few whole days for a trend"
    return f"{a.trend.direction} ({a.trend.slope.value / 1e6:+.2f} USD a day over {a.trend.days} days)"


def _of_limit(a: Analysis) -> str:
    return f" of {written(a.month_limit)} ({a.month_spent / a.month_limit:.0%})" if a.month_limit else ""


def _range(a: Analysis) -> str:
    p = a.projection
    return f"{written(round(p.value))} ({written(round(p.low))} to {written(round(p.high))})"
