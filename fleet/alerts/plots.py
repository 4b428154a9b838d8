"""How did the number behind an incident move?

Pure: what the rule measures, computed again at each remembered moment, drawn as a row of bars that any channel shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from fleet.alerts.rules import Rule
from fleet.alerts.syntax import measured
from fleet.alerts.vectors import Evaluation
from fleet.alerts.windows import Labels, Moment

MOST_BARS: Final = 40
_BARS: Final = "▁▂▃▄▅▆▇█"


def looks(history: Sequence[Moment]) -> list[Evaluation]:
    """Return the look of now and those before it, oldest first, as far back as a plot goes."""
    now = Evaluation(history)
    return [now.until(end) for end in range(max(1, len(history) - MOST_BARS + 1), len(history) + 1)]


def plot(rule: Rule, labels: Labels, looks: Sequence[Evaluation]) -> str:
    """Return the series' course as bars, oldest first; empty when its past is not kept."""
    node = measured(rule.node)
    values = [look.vector(node).get(labels) for look in reversed(looks)]
    return sparkline([value for value in reversed(values) if value is not None])


def sparkline(values: Sequence[float]) -> str:
    """Return the values as a row of bars."""
    finite = [value for value in values if math.isfinite(value)][-MOST_BARS:]
    if len(finite) < 2:
        return ""
    low, span = min(finite), max(finite) - min(finite)
    return "".join(_BARS[int((value - low) / span * 7) if span else 3] for value in finite)
