"""Does an expression make sense for this fleet?

Checked against the metrics table before a rule is accepted: a misspelt metric or label would otherwise be a rule that
never fires and looks healthy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fleet.alerts import syntax
from fleet.alerts.syntax import Aggregate, Binary, Call, Negative, Node, Number, Selector
from fleet.errors import did_you_mean
from fleet.telemetry.metric import Kind
from fleet.telemetry.metrics import SERIES

LONGEST_WINDOW_SECONDS: Final = 3 * 86_400


def problems(node: Node) -> Iterator[str]:
    """Yield every reason why the condition cannot be judged; none means it can."""
    if is_scalar(node):
        yield "the condition is a number, not a statement about the fleet: name a metric"
    yield from _inside(node)


def is_scalar(node: Node) -> bool:
    """Say whether the node is a plain number rather than a set of series."""
    match node:
        case Number():
            return True
        case Negative(operand=operand):
            return is_scalar(operand)
        case Binary(left=left, right=right):
            return is_scalar(left) and is_scalar(right)
        case _:
            return False


def _inside(node: Node) -> Iterator[str]:
    match node:
        case Selector():
            yield from _selector(node)
            if node.window:
                yield f"{node.name} has a window: wrap it, like rate({node.name}[5m])"
        case Call(function=function, arguments=arguments):
            yield from _call(function, arguments)
        case Aggregate(operand=operand, labels=labels):
            yield from _inside(operand)
            yield from _labels(operand, labels)
        case Negative(operand=operand):
            yield from _inside(operand)
        case Binary(operator=operator, left=left, right=right, on=on):
            yield from _inside(left)
            yield from _inside(right)
            if operator in syntax.SET_OPERATORS and (is_scalar(left) or is_scalar(right)):
                yield f"{operator!r} joins sets of series, not numbers"
            elif operator in syntax.COMPARISONS and is_scalar(left) and is_scalar(right):
                yield f"{operator!r} compares two numbers: that is always the same"
            yield from _labels(left, on or ())
        case Number():
            return


def _call(function: str, arguments: tuple[Node, ...]) -> Iterator[str]:
    for argument in arguments:
        if isinstance(argument, Selector) and function in (*syntax.COUNTER_FUNCTIONS, *syntax.GAUGE_FUNCTIONS):
            yield from _selector(argument)
            metric = SERIES.get(argument.name)
            if metric is not None and function in syntax.COUNTER_FUNCTIONS and metric.kind is Kind.GAUGE:
                yield f"{argument.name} is a gauge: use delta or avg_over_time, {function} is for counters"
        else:
            yield from _inside(argument)


def _selector(node: Selector) -> Iterator[str]:
    metric = SERIES.get(node.name)
    if metric is None:
        if node.name in (name for other in SERIES.values() if other.kind is Kind.HISTOGRAM for name in (other.name,)):
            yield f"{node.name} is a histogram: use {node.name}_bucket, {node.name}_sum or {node.name}_count"
        else:
            yield f"unknown metric {node.name!r}{did_you_mean(node.name, SERIES)}"
        return
    known = _label_names(node)
    for matcher in node.matchers:
        if matcher.label not in known:
            hint = did_you_mean(matcher.label, known)
            yield f"{node.name} has no label {matcher.label!r}{hint}; it has {', '.join(known) or 'none'}"
            continue
        values = next((label.values for label in metric.labels if label.name == matcher.label), ())
        if values and matcher.operator in ("=", "!=") and matcher.value not in values:
            hint = did_you_mean(matcher.value, values)
            yield f"label {matcher.label!r} of {node.name} is never {matcher.value!r}{hint}; it is {', '.join(values)}"
    if node.window > LONGEST_WINDOW_SECONDS:
        yield f"the window of {node.name} is longer than the 3 days of samples that are kept"


def _labels(operand: Node, labels: tuple[str, ...]) -> Iterator[str]:
    known = sorted({name for selector in syntax.selectors(operand) for name in _label_names(selector)})
    for label in labels:
        if label not in known:
            hint = did_you_mean(label, known)
            yield f"there is no label {label!r}{hint} to group by; there is {', '.join(known) or 'none'}"


def _label_names(node: Selector) -> tuple[str, ...]:
    metric = SERIES.get(node.name)
    if metric is None:
        return ()
    return (*metric.label_names, "le") if node.name.endswith("_bucket") else metric.label_names
