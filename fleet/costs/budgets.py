"""Which budgets did somebody declare, and which of them guard a given task?

A budget has a level (organisation, team, task), at most one parent above it, limits per window (hour, day, month, and
`task` for every single task), and a policy for when it is spent. It guards the tenants and task types it names, and so
does every budget above it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise, product
from typing import Any

from fleet.costs.money import check_currency, micros, usd, written
from fleet.costs.section import named_rows
from fleet.errors import ConfigurationError, UnknownName

EVERY = "*"
THRESHOLDS = (50, 80, 90, 100)


class Level(StrEnum):
    ORGANISATION = "organisation"
    TEAM = "team"
    TASK = "task"


class Window(StrEnum):
    """Hour, day and month are calendar windows in UTC; `task` is one task with all its attempts."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    TASK = "task"


class Policy(StrEnum):
    """What happens to tasks when the budget is spent; `downgrade` uses cheaper models first and refuses at the end."""

    REFUSE = "refuse"
    DEFER = "defer"
    PAUSE = "pause"
    DOWNGRADE = "downgrade"


KEYS = ("name", "level", "parent", "tenants", "task_types", "limits_usd", "policy", "downgrade_at", "currency")


@dataclass(frozen=True, slots=True)
class Budget:
    """One declared budget; limits in micro-dollars."""

    name: str
    level: Level
    limits: Mapping[Window, int]
    parent: str | None = None
    tenants: tuple[str, ...] = ()
    task_types: tuple[str, ...] = ()
    policy: Policy = Policy.REFUSE
    downgrade_at: int = 80
    place: str = field(default="", compare=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the budget as it would be written in the catalogue."""
        return {
            "name": self.name,
            "level": self.level.value,
            "limits_usd": {window.value: str(usd(limit)) for window, limit in self.limits.items()},
            "parent": self.parent,
            "tenants": list(self.tenants),
            "task_types": list(self.task_types),
            "policy": self.policy.value,
            "downgrade_at": self.downgrade_at,
        }

    def guards(self, tenant: str, task_type: str) -> bool:
        """Say whether the budget names this task; naming nothing means every one."""
        return (not self.tenants or tenant in self.tenants) and (not self.task_types or task_type in self.task_types)


def parse_budgets(section: object, where: str = "budgets") -> tuple[Budget, ...]:
    """Read the catalogue's `budgets`; raise `ConfigurationError` naming the first wrong place."""
    budgets = tuple(parse_budget(row, place) for place, row in named_rows(section, where, "name"))
    check_tree(budgets)
    return budgets


def parse_budget(row: object, where: str) -> Budget:
    """Read one budget; parents are checked by `check_tree`."""
    if not isinstance(row, Mapping):
        raise ConfigurationError(f"{where}: expected keys such as `name` and `limits_usd`, got {row!r}")
    for key in row:
        if key not in KEYS:
            raise UnknownName("key", str(key), KEYS, f"{where}: ")
    name = row.get("name")
    if not isinstance(name, str) or not name or any(c in name for c in "\n: *"):
        raise ConfigurationError(f"{where}.name: expected a name without spaces, colons and stars, got {name!r}")
    check_currency(row.get("currency", "USD"), f"{where}.currency")
    downgrade_at = row.get("downgrade_at", 80)
    if not isinstance(downgrade_at, int) or isinstance(downgrade_at, bool) or not 0 < downgrade_at <= 100:
        raise ConfigurationError(
            f"{where}.downgrade_at: expected a whole percentage from 1 to 100, got {downgrade_at!r}"
        )
    parent = row.get("parent")
    return Budget(
        name=name,
        level=Level(_one_of(row.get("level", "team"), Level, f"{where}.level")),
        limits=_limits(row.get("limits_usd"), f"{where}.limits_usd"),
        parent=None if parent is None else str(parent),
        tenants=_names(row.get("tenants"), f"{where}.tenants"),
        task_types=_names(row.get("task_types"), f"{where}.task_types"),
        policy=Policy(_one_of(row.get("policy", "refuse"), Policy, f"{where}.policy")),
        downgrade_at=downgrade_at,
        place=where,
    )


def check_tree(budgets: Iterable[Budget]) -> None:
    """Refuse duplicate names, unknown parents, circles, and parents that are not above their child."""
    by_name: dict[str, Budget] = {}
    for budget in budgets:
        if budget.name in by_name:
            raise ConfigurationError(
                f"{_at(budget)}: there already is a budget {budget.name!r} at {by_name[budget.name].place}"
            )
        by_name[budget.name] = budget
    for budget in by_name.values():
        if budget.parent is not None and budget.parent not in by_name:
            raise UnknownName("budget", budget.parent, by_name, f"{_at(budget)}.parent: ")
    order = list(Level)
    for budget in by_name.values():
        path = [budget.name]
        above = budget.parent
        while above is not None:
            if above in path:
                raise ConfigurationError(f"{_at(budget)}.parent: budgets form a circle: {' -> '.join([*path, above])}")
            path.append(above)
            above = by_name[above].parent
    for budget in by_name.values():
        if budget.parent is not None and order.index(by_name[budget.parent].level) >= order.index(budget.level):
            raise ConfigurationError(
                f"{_at(budget)}.parent: {budget.parent!r} is a {by_name[budget.parent].level} budget, "
                f"which does not stand above a {budget.level} budget: the order is organisation, team, task"
            )


def guarding(budgets: Iterable[Budget], tenant: str, task_type: str) -> tuple[Budget, ...]:
    """Return every budget the task must fit in, organisation first."""
    by_name = {budget.name: budget for budget in budgets}
    found: dict[str, Budget] = {}
    for budget in by_name.values():
        if budget.guards(tenant, task_type):
            above: Budget | None = budget
            while above is not None:
                found[above.name] = above
                above = by_name[above.parent] if above.parent else None
    return tuple(sorted(found.values(), key=lambda b: (list(Level).index(b.level), b.name)))


def routes(budgets: Iterable[Budget]) -> dict[str, str]:
    """Return what the scripts look up: `tenant\\ntask type` -> JSON gates; `*` stands for every undeclared name."""
    budgets = tuple(budgets)
    tenants = {EVERY, *(tenant for budget in budgets for tenant in budget.tenants)}
    task_types = {EVERY, *(task_type for budget in budgets for task_type in budget.task_types)}
    table = {}
    for tenant, task_type in product(sorted(tenants), sorted(task_types)):
        gates = [
            [budget.name, window.value, limit, budget.policy.value, budget.downgrade_at]
            for budget in guarding(budgets, tenant, task_type)
            for window, limit in budget.limits.items()
        ]
        # An empty route is kept: it must win over a less specific one that does guard.
        table[f"{tenant}\n{task_type}"] = json.dumps(gates, separators=(",", ":"))
    return table


def _limits(value: object, where: str) -> dict[Window, int]:
    if not isinstance(value, Mapping) or not value:
        raise ConfigurationError(f"{where}: expected limits by window such as `{{day: 50, month: 900}}`, got {value!r}")
    limits = {
        Window(_one_of(window, Window, f"{where}: ")): micros(limit, f"{where}.{window}")
        for window, limit in value.items()
    }
    # A shorter window larger than a longer one could never be used up: it is a slip of the pen.
    order = [window for window in Window if window in limits and window is not Window.TASK]
    for shorter, longer in pairwise(order):
        if limits[shorter] > limits[longer]:
            raise ConfigurationError(
                f"{where}.{shorter}: {written(limits[shorter])} per {shorter} is more than "
                f"{written(limits[longer])} per {longer}, so it could never be used up"
            )
    return {window: limits[window] for window in Window if window in limits}


def _names(value: object, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) and name and "\n" not in name for name in value):
        raise ConfigurationError(f"{where}: expected a list of names, got {value!r}")
    if EVERY in value:
        raise ConfigurationError(f"{where}: leave the key out to name every one, instead of '*'")
    return tuple(value)


def _one_of(value: object, options: type[StrEnum], where: str) -> str:
    known = [option.value for option in options]
    if value not in known:
        raise UnknownName(options.__name__.lower(), str(value), known, f"{where}: ")
    return str(value)


def _at(budget: Budget) -> str:
    return budget.place or f"budget {budget.name!r}"
