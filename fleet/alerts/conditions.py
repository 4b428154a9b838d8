"""For which series does each rule's condition hold right now?

From the fleet's own numbers, or from Prometheus where one is configured. A rule whose numbers are out of sight gets
None, which holds its incidents as they are; the blindness itself is a signal with a rule of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx

from fleet.alerts.rules import Rule, RuleBook
from fleet.alerts.syntax import selectors
from fleet.alerts.vectors import Evaluation
from fleet.alerts.windows import Labels, Vector
from fleet.telemetry.metrics import SERIES
from fleet.telemetry.redaction import redact_text

BLINDNESS: Final = "fleet_alerts_blind"
TIMEOUT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Conditions:
    """Rule -> series for which it holds, or None; and why something could not be seen."""

    holding: Mapping[str, Vector | None]
    blind: Mapping[str, str]


def from_samples(book: RuleBook, evaluation: Evaluation, hidden: Mapping[str, str]) -> Conditions:
    """Judge over the fleet's own samples; `hidden` maps series that could not be read to the reason."""
    holding: dict[str, Vector | None] = {}
    blind: dict[str, str] = {}
    for rule in book.rules.values():
        out_of_sight = [hidden[s.name] for s in selectors(rule.node) if s.name in hidden]
        holding[rule.name] = None if out_of_sight else evaluation.vector(rule.node)
        if out_of_sight:
            blind[rule.name] = out_of_sight[0]
    return Conditions(holding, blind)


def from_prometheus(book: RuleBook, url: str, client: httpx.Client | None = None) -> Conditions:
    """Ask Prometheus for every rule; once it does not answer, the rest is not asked."""
    holding: dict[str, Vector | None] = {}
    blind: dict[str, str] = {}
    away = ""
    with client or httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False) as session:
        for rule in book.rules.values():
            if is_about_blindness(rule):
                continue
            try:
                holding[rule.name] = None if away else _ask(session, url, rule)
            except httpx.HTTPStatusError as error:
                holding[rule.name] = None
                blind[rule.name] = f"Prometheus answered {error.response.status_code}"
            except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
                holding[rule.name] = None
                away = redact_text(f"Prometheus at {url} is away: {type(error).__name__}: {error}")
            if away:
                blind[rule.name] = away
    return Conditions(holding, blind)


def is_about_blindness(rule: Rule) -> bool:
    """Say whether the rule watches the watching; it is judged here whatever the source."""
    return any(selector.name == BLINDNESS for selector in selectors(rule.node))


def _ask(session: httpx.Client, url: str, rule: Rule) -> Vector:
    response = session.post(f"{url.rstrip('/')}/api/v1/query", data={"query": rule.expr})
    response.raise_for_status()
    answer = response.json()
    if answer["status"] != "success" or answer["data"]["resultType"] != "vector":
        raise ValueError(f"not a vector: {str(answer)[:200]}")
    ours = _label_names(rule)
    return {_labels(row["metric"], ours): float(row["value"][1]) for row in answer["data"]["result"]}


def _label_names(rule: Rule) -> frozenset[str]:
    """Return the labels the rule's metrics have; what scraping adds (instance, pod...) would split incidents."""
    metrics = [SERIES[selector.name] for selector in selectors(rule.node) if selector.name in SERIES]
    return frozenset(name for metric in metrics for name in metric.label_names)


def _labels(metric: Mapping[str, str], ours: frozenset[str]) -> Labels:
    return tuple(sorted((name, value) for name, value in metric.items() if name in ours))
