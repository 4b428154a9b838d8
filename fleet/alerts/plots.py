"""How did the number behind an incident move?

Pure: what the rule measures, computed again at each remembered moment, drawn as a row of bars that any channel shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from fleet.alerts.message import BARS, number
from fleet.alerts.rules import Rule
from fleet.alerts.syntax import measured
from fleet.alerts.vectors import Evaluation
from fleet.alerts.windows import Labels, Moment

MOST_BARS: Final = 40


def looks(history: Sequence[Moment]) -> list[Evaluation]:
    """Return the look of now and those before it, oldest first, as far back as a plot goes."""
    now = Evaluation(history)
    return [now.until(end) for end in range(max(1, len(history) - MOST_BARS + 1), len(history) + 1)]


def plot(rule: Rule, labels: Labels, looks: Sequence[Evaluation]) -> str:
    """Return the series' course as bars, oldest first, with its range and time; empty when its past is not kept."""
    node = measured(rule.node)
    # The latest look first: its tables hold all that the earlier ones read.
    found = [(look.moments[-1].at, value) for look in reversed(looks) if (value := look.vector(node).get(labels)) is not None]
    shown = [(at, value) for at, value in reversed(found) if math.isfinite(value)][-MOST_BARS:]
    if len(shown) < 2:
        return ""
    values = [value for _, value in shown]
    minutes = (shown[-1][0] - shown[0][0]) / 60
    return f"{sparkline(values)} {number(min(values))} to {number(max(values))} within {number(minutes)} min"


def sparkline(values: Sequence[float]) -> str:
    """Return the values as a row of bars."""
    low, span = min(values), max(values) - min(values)
    return "".join(BARS[int((value - low) / span * 7) if span else 3] for value in values)
