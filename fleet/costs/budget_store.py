"""Which budgets are in force, how full are they, and how does one change them live?

Declarations live in Redis: a change acts on the next submit, fleet-wide. The catalogue declares; an operator's change
wins over the catalogue until the budget is dropped and declared again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from time import sleep
from typing import Any, Literal, cast

from fleet.clock import SYSTEM
from fleet.costs.budgets import THRESHOLDS, Budget, Window, check_tree, parse_budget, routes
from fleet.costs.money import usd, written
from fleet.errors import ConfigurationError, Conflict, NotFound, UnknownName
from fleet.store import keys
from fleet.store.client import Client, available
from fleet.store.lease import take
from fleet.store.scripts import script

Origin = Literal["catalogue", "operator"]
_NAMES = {Window.HOUR: "%Y-%m-%dT%H", Window.DAY: "%Y-%m-%d", Window.MONTH: "%Y-%m"}
Audit = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Fill:
    """One window of one budget; amounts in micro-dollars, `limit` counts the window's grants."""

    budget: str
    window: Window
    start: str
    limit: int
    spent: int
    reserved: int
    granted: int
    fired: int
    overrun: int

    @property
    def left(self) -> int:
        return max(self.limit - self.spent - self.reserved, 0)

    @property
    def percent(self) -> float:
        return 100.0 * self.spent / self.limit if self.limit else 100.0

    def as_dict(self) -> dict[str, Any]:
        return {
            "budget": self.budget,
            "window": self.window.value,
            "start": self.start,
            "limit_usd": str(usd(self.limit)),
            "spent_usd": str(usd(self.spent)),
            "reserved_usd": str(usd(self.reserved)),
            "granted_usd": str(usd(self.granted)),
            "left_usd": str(usd(self.left)),
            "percent_spent": round(self.percent, 2),
            "threshold_reached": self.fired,
            "overrun_usd": str(usd(self.overrun)),
        }


def declared(client: Client, cell: str) -> dict[str, tuple[Budget, Origin]]:
    """Return every budget in force and who declared it."""
    with available():
        rows = cast(Mapping[str, str], client.hgetall(f"{keys.prefix(cell)}budgets"))
    found: dict[str, tuple[Budget, Origin]] = {}
    for name, text in sorted(rows.items()):
        row = json.loads(text)
        origin: Origin = row.pop("origin")
        found[name] = (parse_budget(row, f"budget {name!r} in the store"), origin)
    return found


def apply_catalogue(client: Client, cell: str, budgets: Iterable[Budget]) -> tuple[str, ...]:
    """Put the catalogue's budgets in force; returns the names an operator's change keeps from taking effect."""
    new = {budget.name: budget for budget in budgets}
    check_tree(new.values())
    with _changing(client, cell, patience=5):
        kept = {name: budget for name, (budget, origin) in declared(client, cell).items() if origin == "operator"}
        table: dict[str, tuple[Budget, Origin]] = {name: (budget, "catalogue") for name, budget in new.items()}
        table |= {name: (budget, "operator") for name, budget in kept.items()}
        _write(client, cell, table)
    return tuple(sorted(kept.keys() & new.keys()))


def set_budget(client: Client, cell: str, row: Mapping[str, Any], audit: Audit) -> Budget:
    """Declare or change one budget live: keys that `row` leaves out stay as they are."""
    name = str(row.get("name"))
    with _changing(client, cell):
        table = declared(client, cell)
        before = _given(table[name][0]) if name in table else {}
        budget = parse_budget({**before, **row}, f"budget {name!r}")
        table[name] = (budget, "operator")
        check_tree(entry[0] for entry in table.values())
        _write(client, cell, table)
    audit("budget.set", {"budget": name, "before": before, "after": budget.as_dict()})
    return budget


def drop_budget(client: Client, cell: str, name: str, audit: Audit) -> None:
    """Take a budget out of force; its windows stay readable."""
    with _changing(client, cell):
        table = declared(client, cell)
        if name not in table:
            raise UnknownName("budget", name, table)
        before = table.pop(name)[0]
        check_tree(entry[0] for entry in table.values())
        _write(client, cell, table)
    audit("budget.drop", {"budget": name, "before": before.as_dict()})


def grant(client: Client, cell: str, name: str, window: Window, amount: int, audit: Audit, *, task: str = "") -> int:
    """Give the running window of a budget (or one task) more micro-dollars (negative: take back)."""
    table = declared(client, cell)
    if name not in table:
        raise UnknownName("budget", name, table)
    if window not in table[name][0].limits:
        limits = ", ".join(sorted(table[name][0].limits)) or "none"
        raise ConfigurationError(f"budget {name!r} has no limit per {window}: it has {limits}")
    if (window is Window.TASK) != bool(task):
        raise ConfigurationError("a grant to the window `task` names the task, and only that one does")
    granted = int(script("costs/grant.lua")(client, [keys.prefix(cell)], [name, window.value, amount, task]))
    audit("budget.grant", {"budget": name, "window": window.value, "task": task, "amount": written(amount)})
    return granted


def show(client: Client, cell: str) -> list[Fill]:
    """Return the running window of every budget with calendar windows."""
    wanted = [(budget, window, start) for budget, window, start, _ in running_windows(client, cell)]
    with available(), client.pipeline(transaction=False) as pipe:
        for budget, window, start in wanted:
            pipe.hgetall(_key(cell, budget.name, window, start))
        rows = pipe.execute()
    return [_fill(budget, window, start, row) for (budget, window, start), row in zip(wanted, rows, strict=True)]


def running_windows(client: Client, cell: str) -> list[tuple[Budget, Window, str, int]]:
    """Return every budget's calendar windows: the budget, the window, its name and when it began (milliseconds)."""
    now = _server_now(client)
    return [
        (budget, window, now.strftime(_NAMES[window]), _began(window, now))
        for budget, _ in declared(client, cell).values()
        for window in budget.limits
        if window is not Window.TASK
    ]


def history(client: Client, cell: str, name: str) -> list[Fill]:
    """Return every window of a budget the store still remembers, oldest first."""
    table = declared(client, cell)
    if name not in table:
        raise NotFound(f"no budget {name!r}: `fleet budget show` lists them")
    budget = table[name][0]
    head = f"{keys.prefix(cell)}budget:{name}:"
    with available():
        found = sorted(key.removeprefix(head) for key in client.scan_iter(match=f"{head}*", count=500))
        fills = []
        for tail in found:
            window, _, start = tail.partition(":")
            fills.append(_fill(budget, Window(window), start, cast("dict[str, str]", client.hgetall(head + tail))))
    return fills


def nearly_spent(fills: Iterable[Fill], percent: int = THRESHOLDS[1]) -> list[Fill]:
    """Return the windows at or above a percentage, fullest first."""
    return sorted((fill for fill in fills if fill.percent >= percent), key=lambda fill: -fill.percent)


@contextmanager
def _changing(client: Client, cell: str, patience: float = 0) -> Iterator[None]:
    # Programs that start together publish the same catalogue: they take turns. An operator looks again instead.
    gives_up = SYSTEM.monotonic() + patience
    while (lease := take(client, f"{keys.prefix(cell)}lease:budgets", 5)) is None:
        if SYSTEM.monotonic() >= gives_up:
            raise Conflict("somebody else is changing budgets at this moment: look again and repeat")
        sleep(0.02)
    try:
        yield
    finally:
        lease.drop()


def _write(client: Client, cell: str, table: Mapping[str, tuple[Budget, Origin]]) -> None:
    prefix = keys.prefix(cell)
    rows = {name: json.dumps({**_given(budget), "origin": origin}) for name, (budget, origin) in table.items()}
    with available(), client.pipeline(transaction=True) as pipe:
        pipe.delete(f"{prefix}budgets", f"{prefix}budget_routes")
        if rows:
            pipe.hset(f"{prefix}budgets", mapping=cast("dict[Any, Any]", rows))
            compiled = routes(budget for budget, _ in table.values())
            pipe.hset(f"{prefix}budget_routes", mapping=cast("dict[Any, Any]", compiled))
        pipe.execute()


def _given(budget: Budget) -> dict[str, Any]:
    return {key: value for key, value in budget.as_dict().items() if value not in (None, [])}


def _fill(budget: Budget, window: Window, start: str, row: Mapping[str, str]) -> Fill:
    granted = int(row.get("granted", 0))
    limit = budget.limits.get(window, 0) + granted
    spent = int(row.get("spent", 0))
    return Fill(
        budget=budget.name,
        window=window,
        start=start,
        limit=limit,
        spent=spent,
        reserved=int(row.get("reserved", 0)),
        granted=granted,
        fired=int(row.get("fired", 0)),
        overrun=max(spent - limit, 0),
    )


def _key(cell: str, name: str, window: Window, start: str) -> str:
    return f"{keys.prefix(cell)}budget:{name}:{window.value}:{start}"


def _began(window: Window, now: datetime) -> int:
    start = now.replace(minute=0, second=0, microsecond=0)
    start = start if window is Window.HOUR else start.replace(hour=0)
    start = start.replace(day=1) if window is Window.MONTH else start
    return int(start.timestamp() * 1000)


def _server_now(client: Client) -> datetime:
    with available():
        seconds, micros = client.time()
    return datetime.fromtimestamp(seconds + micros / 1e6, tz=UTC)
