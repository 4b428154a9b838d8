"""What is the value of an expression, given samples?

Pure, with PromQL's meaning: a vector maps labels to a number, a comparison keeps the series for which it holds. One
`Evaluation` remembers every part it computed, so a thousand rules over the same series share the work.
"""

from __future__ import annotations

import math
import operator as op
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import compress, repeat
from typing import Final

import numpy as np

from fleet.alerts import windows
from fleet.alerts.syntax import Aggregate, Binary, Call, Negative, Node, Number, Selector
from fleet.alerts.windows import Labels, Moment, Table, Vector

Value = Vector | float

_ARITHMETIC: Final[Mapping[str, Callable[[float, float], float]]] = {"+": op.add, "-": op.sub, "*": op.mul}
_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": op.lt,
    "<=": op.le,
    ">": op.gt,
    ">=": op.ge,
    "==": op.eq,
    "!=": op.ne,
}
_FOLD: Final[Mapping[str, Callable[[list[float]], float]]] = {
    "sum": math.fsum,
    "avg": lambda values: math.fsum(values) / len(values),
    "min": min,
    "max": max,
    "count": len,
}


@dataclass(slots=True)
class Evaluation:
    """One look at the fleet: the last moment is now, earlier ones serve windows."""

    moments: Sequence[Moment]
    _tables: dict[str, Table] = field(default_factory=dict)
    _known: dict[Node, Value] = field(default_factory=dict)

    def until(self, end: int) -> Evaluation:
        """Return the look that was possible at an earlier moment; both read the same tables."""
        return Evaluation(self.moments[:end], self._tables)

    def value(self, node: Node) -> Value:
        """Return the node's value; equal nodes are computed once."""
        if node not in self._known:
            self._known[node] = self._compute(node)
        return self._known[node]

    def vector(self, node: Node) -> Vector:
        """Return the series for which a condition holds."""
        value = self.value(node)
        return {(): value} if isinstance(value, (int, float)) else value

    def _compute(self, node: Node) -> Value:
        match node:
            case Number(value=value):
                return value
            case Selector(name=name):
                now = self.moments[-1].series.get(name, {}) if self.moments else {}
                return (
                    {labels: value for labels, value in now.items() if matches(node, labels)} if node.matchers else now
                )
            case Negative(operand=operand):
                return _with_scalar("-", self.value(operand), 0.0, scalar_first=True)
            case Aggregate():
                return _aggregate(node, self.vector(node.operand))
            case Call():
                return self._call(node)
            case Binary():
                return _binary(node, self.value(node.left), self.value(node.right))

    def _call(self, node: Call) -> Value:
        first, last = node.arguments[0], node.arguments[-1]
        match node.function:
            case "absent":
                return {} if self.vector(first) else {(): 1.0}
            case "abs":
                return {labels: abs(value) for labels, value in self.vector(first).items()}
            case "clamp_min":
                assert isinstance(last, Number)
                return {labels: max(value, last.value) for labels, value in self.vector(first).items()}
            case "histogram_quantile":
                assert isinstance(first, Number)
                return _quantiles(first.value, self.vector(last))
            case function:
                assert isinstance(first, Selector)
                table = windows.inside(self._table(first.name), self.moments[-1].at, first.window)
                wanted = np.array([matches(first, labels) for labels in table.labels], dtype=bool) if first.matchers else None
                return windows.fold(function, table, wanted, first.window)

    def _table(self, name: str) -> Table:
        """Return the table of a name, made of the longest history anybody here looks at."""
        if name not in self._tables:
            self._tables[name] = windows.tabulate(self.moments, name)
        return self._tables[name]


def matches(selector: Selector, labels: Labels) -> bool:
    """Say whether the series has the labels the selector asks for; a missing label is the empty text."""
    have = dict(labels)
    for matcher in selector.matchers:
        value = have.get(matcher.label, "")
        is_pattern = matcher.operator.endswith("~")
        is_equal = re.fullmatch(matcher.value, value) is not None if is_pattern else value == matcher.value
        if is_equal == matcher.operator.startswith("!"):
            return False
    return True


def _aggregate(node: Aggregate, vector: Vector) -> Vector:
    groups: dict[Labels, list[float]] = defaultdict(list)
    for labels, value in vector.items():
        groups[tuple(pair for pair in labels if (pair[0] in node.labels) != node.without)].append(value)
    fold = _FOLD[node.operator]
    return {labels: float(fold(values)) for labels, values in groups.items()}


def _binary(node: Binary, left: Value, right: Value) -> Value:
    match left, right:
        case dict(), dict():
            return _two_vectors(node, left, right)
        case dict(), float():
            return _with_scalar(node.operator, left, right)
        case float(), dict():
            return _with_scalar(node.operator, right, left, scalar_first=True)
        case float(), float():
            return _arithmetic(node.operator, left, right)
        case _:
            raise AssertionError(f"{node.operator} cannot join {type(left).__name__} and {type(right).__name__}")


def _with_scalar(operator: str, value: Value, scalar: float, *, scalar_first: bool = False) -> Value:
    if isinstance(value, float):
        return _arithmetic(operator, scalar, value) if scalar_first else _arithmetic(operator, value, scalar)
    # Whole columns at a time: a thousand rules over a thousand series pass here.
    sides = (repeat(scalar), value.values()) if scalar_first else (value.values(), repeat(scalar))
    if (compare := _COMPARE.get(operator)) is not None:
        return dict(compress(value.items(), map(compare, *sides)))
    join = _ARITHMETIC.get(operator) or partial(_arithmetic, operator)
    return dict(zip(value, map(join, *sides), strict=True))


def _two_vectors(node: Binary, left: Vector, right: Vector) -> Vector:
    def key(labels: Labels) -> Labels:
        return labels if node.on is None else tuple(pair for pair in labels if pair[0] in node.on)

    others = {key(labels): value for labels, value in right.items()}
    match node.operator:
        case "and":
            return {labels: value for labels, value in left.items() if key(labels) in others}
        case "unless":
            return {labels: value for labels, value in left.items() if key(labels) not in others}
        case "or":
            taken = {key(labels) for labels in left}
            return left | {labels: value for labels, value in right.items() if key(labels) not in taken}
    pairs = [(labels, value, others[key(labels)]) for labels, value in left.items() if key(labels) in others]
    if (compare := _COMPARE.get(node.operator)) is not None:
        return {labels: a for labels, a, b in pairs if compare(a, b)}
    return {key(labels): _arithmetic(node.operator, a, b) for labels, a, b in pairs}


def _arithmetic(operator: str, left: float, right: float) -> float:
    if operator in _ARITHMETIC:
        return _ARITHMETIC[operator](left, right)
    if right == 0:
        return math.nan if operator == "%" or left == 0 else math.copysign(math.inf, left)
    return left / right if operator == "/" else math.fmod(left, right)


def _quantiles(quantile: float, buckets: Vector) -> Vector:
    """Interpolate as Prometheus does: linearly inside the bucket; above the last bound, the last bound."""
    groups: dict[Labels, list[tuple[float, float]]] = defaultdict(list)
    for labels, count in buckets.items():
        rest = tuple(pair for pair in labels if pair[0] != "le")
        groups[rest].append((float(dict(labels).get("le", "inf").replace("+", "")), count))
    answers: Vector = {}
    for labels, pairs in groups.items():
        pairs.sort()
        total = pairs[-1][1]
        if total <= 0 or len(pairs) < 2:
            continue
        rank, below, start = quantile * total, 0.0, 0.0
        for bound, count in pairs:
            if count >= rank:
                inside = (rank - below) / (count - below) if count > below else 0.0
                answers[labels] = start if math.isinf(bound) else start + (bound - start) * inside
                break
            below, start = count, bound
    return answers
