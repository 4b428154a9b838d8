"""How are the code's own tables written down for people: events, keys, routes, alert rules, the doctor's findings?

`docs/events.md`, `keys.md`, `api.md`, `rules.md` and the runbooks' index are this text; a test compares them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module

WRITTEN = "This page is written by `fleet config reference {what}`.\n"


def events() -> str:
    """Return the log events; groups are the comments between them in the source."""
    from fleet.telemetry.events import Event

    parts = [
        "# Log events\n\nNames are stable: search for them. A line says what happened, its fields with which values, `next_step` what an\n"
        "operator can do, where there is something to do. `telemetry.log_format: json` writes them for machines. "
        + WRITTEN.format(what="events")
    ]
    for line in inspect.getsource(Event).splitlines():
        if group := re.fullmatch(r"    # (.+)", line):
            parts.append(f"\n## {group[1].capitalize()}\n\n")
        elif event := re.fullmatch(r'    [A-Z_]+ = "(\w+)"', line):
            parts.append(f"- `{event[1]}`\n")
    return "".join(parts)


def keys() -> str:
    """Return the table of the store's keys."""
    from fleet.store.keys import TABLE

    head = (
        "# Keys in the store\n\nEvery key of a cell begins with `fleet:{CELL}:`; the braces are Redis' hash tag. Look, but do not write: what must\n"
        "happen together happens in scripts. " + WRITTEN.format(what="keys")
    )
    rows = [(f"`{key.suffix}`", key.type, key.meaning, key.expiry, key.writer) for key in TABLE]
    return f"{head}\n{_table(('key', 'type', 'meaning', 'expires', 'written by'), rows)}"


def api() -> str:
    """Return the gateway's routes."""
    head = (
        "# HTTP API\n\nThe gateway serves it; `/openapi.json` describes it for programs. The role is the least one that may: viewer, producer,\n"
        "operator, admin. A refusal is `application/problem+json` with what, why and what to do next. "
        + WRITTEN.format(what="api")
    )
    rows = [
        (
            f"`{route.method} {route.path}`", route.role.value if route.role else "everybody", route.summary,
            route.body.__name__ if route.body else "", ", ".join(map(str, sorted(route.answers))),
        )
        for route in import_module("fleet.gateway.routes").ROUTES  # a neighbour: named, not imported
    ]  # fmt: skip
    return f"{head}\n{_table(('route', 'role', 'does', 'body', 'answers'), rows)}"


def rules() -> str:
    """Return the alert rules in the box."""
    from fleet.alerts import rulebook

    head = (
        "# Alert rules in the box\n\nChange or remove one in `fleet.yaml` ([alerts](alerts.md)). The same rules ship as a PrometheusRule. "
        + WRITTEN.format(what="rules")
    )
    found = rulebook.load().rules.values()
    rows = [
        (
            f"[`{rule.name}`](runbooks/{rule.name}.md)", rule.severity, f"`{' '.join(rule.expr.split())}`",
            f"{rule.lasting:g} s", rule.action.name if rule.action else "",
        )
        for rule in sorted(found, key=lambda rule: rule.name)
    ]  # fmt: skip
    return f"{head}\n{_table(('rule', 'severity', 'condition', 'for', 'action'), rows)}"


def runbooks() -> str:
    """Return the index of the runbooks."""
    from fleet.alerts import rulebook

    head = (
        "# Runbooks\n\nOne per alert in the box. What the doctor says has its own page: [findings](../findings.md). "
        + WRITTEN.format(what="runbooks")
    )
    found = sorted(rulebook.load().rules.values(), key=lambda rule: (rule.severity != "critical", rule.name))
    rows = [(f"[{rule.name}]({rule.name}.md)", rule.severity, rule.summary) for rule in found]
    return f"{head}\n{_table(('alert', 'severity', 'says'), rows)}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    lines += [f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


PAGES: Mapping[str, tuple[str, Callable[[], str]]] = {
    "events": ("events.md", events),
    "keys": ("keys.md", keys),
    "api": ("api.md", api),
    "rules": ("rules.md", rules),
    "runbooks": ("runbooks/index.md", runbooks),
}
"""What -> (page under docs, how it is written)."""
