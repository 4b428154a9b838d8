"""Which cost controls are in force, and how does one change them while the fleet runs?

Rate limits, provider quotas, downgrade rules, budget alerts and the hold-out share. Everything is read live from Redis
by whoever acts on it, so a change is in force with the next submit or call. Every change is audited and can be undone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from fleet.costs.budget_store import Audit
from fleet.costs.control_values import Change, parse_control
from fleet.costs.downgrade import DEFAULT_RULES, check_rules
from fleet.errors import Conflict, NotFound
from fleet.store import keys
from fleet.store.client import Client, available
from fleet.store.lease import singleton
from fleet.store.scripts import script

MOST_UNDO = 100


@dataclass(frozen=True, slots=True)
class Controls:
    """Everything in force; `limits` by scope as (requests, tokens, micro-dollars) per hour."""

    version: int
    limits: Mapping[str, tuple[int, int, int]]
    quotas: Mapping[str, tuple[int, int]]
    downgrade: Mapping[str, str]
    alerts: bool
    hold_out: float
    changes: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "limits_per_hour": {
                scope: {"requests": requests, "tokens": tokens, "usd": micros / 1e6}
                for scope, (requests, tokens, micros) in self.limits.items()
            },
            "quotas_per_minute": {
                name: {"requests": requests, "tokens": tokens} for name, (requests, tokens) in self.quotas.items()
            },
            "downgrade": dict(self.downgrade),
            "alerts": self.alerts,
            "hold_out": self.hold_out,
            "changes_that_can_be_undone": self.changes,
        }


def put_declared(client: Client, cell: str, declared: Iterable[Change]) -> None:
    """Put declared controls in force; what an operator set, or an action lowered for a time, stays as it is."""
    rows = [(change.hash, change.field, change.text, _marker(change)) for change in declared]
    script("costs/put_declared.lua")(client, [keys.prefix(cell)], [json.dumps(rows)])


def controls(client: Client, cell: str) -> Controls:
    """Return what is in force now."""
    prefix = keys.prefix(cell)
    with available(), client.pipeline(transaction=True) as pipe:
        for suffix in ("limits", "quotas", "controls"):
            pipe.hgetall(prefix + suffix)
        limits, quotas, own = cast("list[dict[str, str]]", pipe.execute())
    rules = dict(DEFAULT_RULES)
    for field, value in own.items():
        if field.startswith("downgrade:"):
            rules[field.removeprefix("downgrade:")] = value
    return Controls(
        version=int(own.get("version", 0)),
        limits={scope: _triple(text) for scope, text in sorted(limits.items())},
        quotas={name: _pair(text) for name, text in sorted(quotas.items())},
        downgrade={model: instead for model, instead in sorted(rules.items()) if instead},
        alerts=own.get("alerts", "on") == "on",
        hold_out=float(own.get("hold_out", 0.05)),
        changes=len(json.loads(own.get("undo", "[]"))),
    )


def set_control(client: Client, cell: str, name: str, value: str, audit: Audit) -> Change:
    """Change one control, e.g. `limit.tenant:acme` to `requests=500,usd=20`; see `control_values` for all forms."""
    change = parse_control(name, value)
    with _changing(client, cell):
        if change.field.startswith("downgrade:"):
            model = change.field.removeprefix("downgrade:")
            others = {m: i for m, i in controls(client, cell).downgrade.items() if m != model}
            check_rules({**others, model: change.text} if change.text else others)
        before = _read(client, cell, change)
        stack = _undo_stack(client, cell)
        stack.append([change.hash, change.field, before, name])
        _write(client, cell, change, stack)
    audit("cost.control.set", {"control": name, "before": before, "after": change.text})
    return change


def undo(client: Client, cell: str, audit: Audit) -> str:
    """Take the last change back; returns the control's name."""
    with _changing(client, cell):
        stack = _undo_stack(client, cell)
        if not stack:
            raise NotFound("no change of a cost control is left to undo")
        hash_name, field, before, name = stack.pop()
        _write(client, cell, Change(hash_name, field, before), stack)
    audit("cost.control.undo", {"control": name, "restored": before})
    return str(name)


def _read(client: Client, cell: str, change: Change) -> str | None:
    with available():
        return cast("str | None", client.hget(keys.prefix(cell) + change.hash, change.field))


def _undo_stack(client: Client, cell: str) -> list[list[Any]]:
    with available():
        text = cast("str | None", client.hget(f"{keys.prefix(cell)}controls", "undo"))
    return cast("list[list[Any]]", json.loads(text or "[]"))


def _write(client: Client, cell: str, change: Change, stack: list[list[Any]]) -> None:
    prefix = keys.prefix(cell)
    with available(), client.pipeline(transaction=True) as pipe:
        if change.text is None:
            pipe.hdel(prefix + change.hash, change.field)
        else:
            pipe.hset(prefix + change.hash, change.field, change.text)
        pipe.hset(f"{prefix}controls", _marker(change), "1")
        pipe.hset(f"{prefix}controls", "undo", json.dumps(stack[-MOST_UNDO:]))
        pipe.hincrby(f"{prefix}controls", "version", 1)
        pipe.execute()


def _marker(change: Change) -> str:
    return f"set\n{change.hash}\n{change.field}"


@contextmanager
def _changing(client: Client, cell: str) -> Iterator[None]:
    with singleton(client, f"{keys.prefix(cell)}lease:controls", 5) as lease:
        if lease is None:
            raise Conflict("somebody else is changing cost controls at this moment: look again and repeat")
        yield


def _triple(text: str) -> tuple[int, int, int]:
    requests, tokens, micros = (int(part) for part in text.split())
    return requests, tokens, micros


def _pair(text: str) -> tuple[int, int]:
    requests, tokens = (int(part) for part in text.split())
    return requests, tokens
