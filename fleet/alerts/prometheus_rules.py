"""How do the same rules look to Prometheus?

The expressions are PromQL already, so a rule becomes an alert of the same name, one file each, in the shape of a
PrometheusRule's `spec`. Written by `python -m fleet.alerts.generate`.
"""

from __future__ import annotations

from typing import Any

import yaml

from fleet.alerts.rules import Rule, RuleBook
from fleet.alerts.syntax import selectors


def groups(book: RuleBook, rule: Rule) -> dict[str, Any]:
    """Return one rule as a rule group."""
    tries = "\n".join(f"{number}. {text}" for number, text in enumerate(rule.first_things_to_try, 1))
    now = f"Now {{{{ $value | humanize }}}}{' ' + rule.unit if rule.unit else ''}."
    absent = f" or absent({selectors(rule.node)[0].name})" if rule.when_absent else ""
    alert: dict[str, Any] = {
        "alert": rule.name,
        "expr": rule.expr + absent,
        "for": seconds_text(rule.lasting),
        "labels": {"severity": rule.severity},
        "annotations": {
            "summary": rule.summary,
            "description": f"{now} First things to try:\n{tries}",
            "runbook_url": book.runbook_of(rule),
        },
    }
    if not rule.lasting:
        del alert["for"]
    return {"groups": [{"name": f"fleet.{rule.name}", "rules": [alert]}]}


def text(book: RuleBook, rule: Rule) -> str:
    """Return the file of one rule."""
    return yaml.safe_dump(groups(book, rule), sort_keys=False, width=118, allow_unicode=True)


def seconds_text(seconds: float) -> str:
    """Return a duration as Prometheus writes it."""
    whole = int(seconds)
    for unit, size in (("h", 3600), ("m", 60)):
        if whole and whole % size == 0:
            return f"{whole // size}{unit}"
    return f"{whole}s"
