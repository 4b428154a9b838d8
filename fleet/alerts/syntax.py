"""What is an expression made of?

Values only: the tree of a rule's condition. The language is a subset of PromQL, so the same text runs here, over the
fleet's own numbers, and in Prometheus. Nodes are hashable: equal parts of many rules are computed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Number:
    value: float


@dataclass(frozen=True, slots=True)
class Matcher:
    label: str
    operator: str  # = != =~ !~
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """`name{label="value"}`, with `[5m]` a window of seconds (0: the value now)."""

    name: str
    matchers: tuple[Matcher, ...] = ()
    window: float = 0.0


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`sum by (pool) (x)`; `by` None sums everything into one; `without` drops the named labels instead."""

    operator: str
    operand: Node
    labels: tuple[str, ...] = ()
    without: bool = False


@dataclass(frozen=True, slots=True)
class Binary:
    """`left operator right`; `on` names the labels two vectors are matched by, None: all of them."""

    operator: str
    left: Node
    right: Node
    on: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Negative:
    operand: Node


Node = Number | Selector | Call | Aggregate | Binary | Negative

COMPARISONS: Final = ("==", "!=", "<=", ">=", "<", ">")
SET_OPERATORS: Final = ("and", "or", "unless")
AGGREGATES: Final = ("sum", "avg", "min", "max", "count")
COUNTER_FUNCTIONS: Final = ("rate", "increase")
GAUGE_FUNCTIONS: Final = ("avg_over_time", "min_over_time", "max_over_time", "delta")
FUNCTIONS: Final = (*COUNTER_FUNCTIONS, *GAUGE_FUNCTIONS, "histogram_quantile", "absent", "abs", "clamp_min")


def selectors(node: Node) -> tuple[Selector, ...]:
    """Return every selector of the tree, in reading order."""
    match node:
        case Selector():
            return (node,)
        case Call():
            return tuple(found for argument in node.arguments for found in selectors(argument))
        case Aggregate() | Negative():
            return selectors(node.operand)
        case Binary():
            return selectors(node.left) + selectors(node.right)
        case Number():
            return ()


def measured(node: Node) -> Node:
    """Return what a condition compares: the operand that is not the threshold."""
    match node:
        case Binary(operator="and" | "or" | "unless", left=left):
            return measured(left)
        case Binary(operator=operator, left=Number(), right=right) if operator in COMPARISONS:
            return right
        case Binary(operator=operator, left=left) if operator in COMPARISONS:
            return left
        case _:
            return node


def threshold(node: Node) -> tuple[str, float] | None:
    """Return the comparison a condition ends in, such as `('<', 0.9)`; None when it compares with no number."""
    match node:
        case Binary(operator=operator, right=Number(value=value)) if operator in COMPARISONS:
            return operator, value
        case Binary(operator=operator, left=Number(value=value), right=right) if operator in COMPARISONS:
            turned = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(operator, operator)
            return (turned, value) if not isinstance(right, Number) else None
        case Binary(operator="and" | "or" | "unless", left=left):
            return threshold(left)
        case _:
            return None
