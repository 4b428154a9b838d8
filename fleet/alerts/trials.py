"""Do a file's rules fire when their author says they should?

`fleet alerts test FILE` plays series over time through the same evaluation and states as production, without a store:

    rules: fleet.yaml            # optional: rules of that file instead of this one's `alerts` section
    tests:
      - name: errors page somebody
        every: 1m
        series:
          ai_agent_success_rate{agent_type="code_generator"}: [1, 0.7, 0.7, 0.7, 0.7, 0.7, 1]
        expect:
          - {at: 4m, firing: ["critical_error_rate{agent_type=code_generator}"]}
          - {at: 6m, firing: []}

A series may also be written `0+5x20` (start 0, add 5, 20 times). `expect` lists exactly the incidents that fire then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet.alerts import rulebook
from fleet.alerts.conditions import from_samples
from fleet.alerts.expression import duration, parse
from fleet.alerts.judge import judge
from fleet.alerts.rules import RuleBook
from fleet.alerts.states import Incident
from fleet.alerts.syntax import Selector, selectors
from fleet.alerts.vectors import Evaluation
from fleet.alerts.windows import Moment, Vector
from fleet.catalogue.positions import read
from fleet.errors import ConfigurationError

_RAMP = re.compile(r"(-?[\d.]+)([+-][\d.]+)x(\d+)")


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    problems: tuple[str, ...]


def run(file: Path) -> list[Result]:
    """Run every test of the file."""
    document = read(file.read_text(), str(file))
    data = document.data or {}
    if not isinstance(data, dict) or not isinstance(data.get("tests"), list):
        raise ConfigurationError(f"{file}: a rule test file has a list `tests`")
    source = file.parent / data["rules"] if "rules" in data else None
    book = rulebook.load(source or file)
    return [_run_one(book, test, document.where(("tests", index))) for index, test in enumerate(data["tests"])]


def _run_one(book: RuleBook, test: Mapping[str, Any], place: str) -> Result:
    unknown = set(test) - {"name", "every", "series", "expect"}
    if unknown or "series" not in test or "expect" not in test:
        raise ConfigurationError(f"{place}: a test has name, every, series and expect; {sorted(unknown)} is unknown")
    every = duration(str(test.get("every", "1m")))
    series = _series(test["series"], place)
    expected = [(duration(str(row["at"])), set(row["firing"])) for row in test["expect"]]
    steps = max(len(values) for _, values in series)
    last = max((at for at, _ in expected), default=0.0)
    if last > (steps - 1) * every:
        raise ConfigurationError(
            f"{place}: expects something at {last:g} s, but the series end at {(steps - 1) * every:g} s"
        )
    problems = []
    for number, firing in enumerate(_play(book, series, every, steps)):
        for at, wanted in expected:
            if number * every <= at < (number + 1) * every and firing != wanted:
                missing, extra = sorted(wanted - firing), sorted(firing - wanted)
                problems.append(f"at {at:g} s: not firing {missing}, firing unexpectedly {extra}")
    return Result(str(test.get("name", place)), tuple(problems))


def play(book: RuleBook, series: Mapping[str, Any], every: float) -> list[set[str]]:
    """Return the incidents that fire at each step, `every` seconds apart, for series as a test file writes them."""
    known = _series(series, "series")
    return _play(book, known, every, max(len(values) for _, values in known))


def _series(rows: Mapping[str, Any], place: str) -> list[tuple[Selector, list[float | None]]]:
    return [(_selector(str(text), place), _values(values, place)) for text, values in rows.items()]


def _play(
    book: RuleBook, series: Sequence[tuple[Selector, Sequence[float | None]]], every: float, steps: int
) -> list[set[str]]:
    """Return the firing incidents at each step."""
    names = {selector.name for rule in book.rules.values() for selector in selectors(rule.node)}
    moments: list[Moment] = []
    incidents: dict[str, Incident] = {}
    firing = []
    for number in range(steps):
        now: dict[str, Vector] = {name: {} for name in names}
        for selector, values in series:
            value = values[number] if number < len(values) else None
            if value is not None:
                labels = tuple(sorted((matcher.label, matcher.value) for matcher in selector.matchers))
                now.setdefault(selector.name, {})[labels] = value
        moments.append(Moment(number * every, now))
        held = from_samples(book, Evaluation(moments), {})
        verdict = judge(book, held.holding, incidents, (), number * every)
        for key, incident in verdict.changed.items():
            if incident is None:
                incidents.pop(key, None)
            else:
                incidents[key] = incident
        firing.append({incident.key for incident in incidents.values() if incident.is_open})
    return firing


def _selector(text: str, place: str) -> Selector:
    node = parse(text)
    if not isinstance(node, Selector) or node.window:
        raise ConfigurationError(f'{place}: {text!r} is no series: write it like name{{label="value"}}')
    return node


def _values(values: Any, place: str) -> list[float | None]:
    if isinstance(values, str):
        ramp = _RAMP.fullmatch(values.replace(" ", ""))
        if ramp is None:
            raise ConfigurationError(f"{place}: {values!r} is no series of values: write a list, or start+stepxcount")
        start, step, count = float(ramp[1]), float(ramp[2]), int(ramp[3])
        return [start + step * number for number in range(count + 1)]
    if not isinstance(values, list):
        raise ConfigurationError(f"{place}: values are a list, or text like 0+5x20")
    return [None if value is None else float(value) for value in values]
