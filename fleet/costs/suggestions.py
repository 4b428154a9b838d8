"""What would save money, or needs watching?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fleet.costs.downgrade import DEFAULT_RULES
from fleet.costs.money import written
from fleet.costs.trends import Interval, Trend

Severity = Literal["info", "watch", "critical"]
DOMINANT_SHARE = 0.4
SUBSTITUTION_SAVES = 0.3
MONTH_CRITICAL = 0.8


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One thing to do; `saves` in micro-dollars of the period looked at."""

    kind: Literal["substitute", "trend", "month", "projection", "anomaly"]
    severity: Severity
    text: str
    saves: int = 0


def suggest(
    models: Mapping[str, int],
    spend_trend: Trend,
    month_spent: int,
    month_limit: int | None,
    projection: Interval,
    rules: Mapping[str, str] = DEFAULT_RULES,
) -> list[Suggestion]:
    """Return suggestions, the most urgent first."""
    found: list[Suggestion] = []
    if month_limit:
        share = month_spent / month_limit
        if share > MONTH_CRITICAL:
            text = f"{share:.0%} of the month's {written(month_limit)} is spent: lower limits or grant more"
            found.append(Suggestion("month", "critical", text))
        elif projection.value > month_limit:
            found.append(
                Suggestion(
                    "projection",
                    "watch",
                    f"at this rate the month costs {written(round(projection.value))}, over its {written(month_limit)}",
                )
            )
    total = sum(models.values())
    for model, micros in sorted(models.items(), key=lambda item: -item[1]):
        if total and micros / total > DOMINANT_SHARE:
            saves = round(SUBSTITUTION_SAVES * micros)
            instead = rules.get(model, "a cheaper model")
            text = (
                f"{model} is {micros / total:.0%} of spend: {instead} for its easier tasks saves about {written(saves)}"
            )
            found.append(Suggestion("substitute", "info", text, saves))
    if spend_trend.direction == "rising":
        text = f"spend rises by {written(round(spend_trend.slope.value))} a day, day after day: watch it"
        found.append(Suggestion("trend", "watch", text))
    order: dict[Severity, int] = {"critical": 0, "watch": 1, "info": 2}
    return sorted(found, key=lambda s: (order[s.severity], -s.saves))
