"""What does the text of a rule's condition mean?

A Pratt parser for a subset of PromQL: selectors, windows, rate and friends, aggregates, arithmetic, comparisons, and,
or, unless. Nothing is ever executed: a text becomes a tree, or an error that names the column and what would fit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from fleet.alerts import syntax
from fleet.alerts.syntax import Aggregate, Binary, Call, Matcher, Negative, Node, Number, Selector
from fleet.errors import ConfigurationError, did_you_mean

LONGEST_TEXT: Final = 2_000
DEEPEST: Final = 50
_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_POWER: Final = {
    "or": 1,
    "and": 2,
    "unless": 2,
    **dict.fromkeys(syntax.COMPARISONS, 3),
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
    "%": 5,
}
_TOKEN = re.compile(
    r"\s*(?:(?P<duration>\[(?:\s*\d+(?:ms|[smhdw]))+\s*\])|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])"
    r"|(?P<name>[A-Za-z_:][\w:]*)|(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<operator>=~|!~|==|!=|<=|>=|[-+*/%<>=(){},]))"
)
# Literals, `|`, and at most four `.*` or `.+`: nothing that could take long to match.
_SAFE_PATTERN = re.compile(r"(?=[^*+]*(?:[*+][^*+]*){0,4}$)(?:[\w :/-]|\.[*+]?|\|){0,200}")


class ExpressionError(ConfigurationError):
    """The text is no expression; `column` counts from 1."""

    def __init__(self, problem: str, column: int) -> None:
        self.problem, self.column = problem, column
        super().__init__(f"column {column}: {problem}")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    column: int


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """Return the tree of the text, or raise `ExpressionError`."""
    if len(text) > LONGEST_TEXT:
        raise ExpressionError(
            f"the expression has {len(text)} characters, at most {LONGEST_TEXT} are read", LONGEST_TEXT
        )
    parser = _Parser(_tokens(text), len(text) + 1)
    node = parser.expression(0)
    if (rest := parser.peek()) is not None:
        raise ExpressionError(f"unexpected {rest.text!r} after a complete expression", rest.column)
    return node


def duration(text: str) -> float:
    """Return the seconds of `90s`, `5m`, `1h30m`; a bare number is seconds."""
    if re.fullmatch(r"\d+(\.\d+)?", text.strip()):
        return float(text)
    parts = re.findall(r"(\d+)\s*(ms|[smhdw])", text)
    if not parts or "".join(number + unit for number, unit in parts) != re.sub(r"\s", "", text):
        raise ConfigurationError(f"{text!r} is no duration: write it like 90s, 5m or 1h30m")
    return float(sum(int(number) * _UNITS[unit] for number, unit in parts))


def _tokens(text: str) -> list[_Token]:
    tokens, position = [], 0
    while text[position:].strip():
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            start = position + len(text[position:]) - len(text[position:].lstrip())
            raise ExpressionError(f"cannot read {text[start : start + 10]!r}", start + 1)
        tokens.append(_Token(found.lastgroup, found.group(found.lastgroup), found.start(found.lastgroup) + 1))
        position = found.end()
    return tokens


class _Parser:
    """Reads tokens left to right; one method per rule of the grammar."""

    def __init__(self, tokens: list[_Token], end: int) -> None:
        self._tokens, self._end, self._at, self._depth = tokens, end, 0, 0

    def peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def expression(self, power: int) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ExpressionError(f"nested deeper than {DEEPEST} levels", self._column())
        left = self._operand()
        while (token := self.peek()) is not None and (binding := _POWER.get(token.text, 0)) > power:
            self._at += 1
            on = self._label_list() if self._take_name("on") else None
            left = Binary(token.text, left, self.expression(binding), on)
        self._depth -= 1
        return left

    def _operand(self) -> Node:
        token = self._next("a number, a metric or a function")
        match token.kind, token.text:
            case "number", text:
                return Number(float(text))
            case "operator", "(":
                node = self.expression(0)
                self._expect(")")
                return node
            case "operator", "-":
                return Negative(self.expression(_POWER["*"]))
            case "name", name if name in syntax.AGGREGATES and self._next_is("(", "by", "without"):
                return self._aggregate(name)
            case "name", name if self._next_is("("):
                return self._call(token)
            case "name", name if name not in _POWER:
                return self._selector(name)
        raise ExpressionError(f"expected a number, a metric or a function, found {token.text!r}", token.column)

    def _aggregate(self, operator: str) -> Node:
        labels: tuple[str, ...] | None = None
        without = False
        if self._next_is("by", "without"):
            without = self._next("by").text == "without"
            labels = self._label_list()
        self._expect("(")
        operand = self.expression(0)
        self._expect(")")
        if labels is None and self._next_is("by", "without"):
            without = self._next("by").text == "without"
            labels = self._label_list()
        return Aggregate(operator, operand, tuple(sorted(labels or ())), without)

    def _call(self, name: _Token) -> Node:
        if name.text not in syntax.FUNCTIONS:
            hint = did_you_mean(name.text, (*syntax.FUNCTIONS, *syntax.AGGREGATES))
            raise ExpressionError(f"unknown function {name.text!r}{hint}", name.column)
        self._expect("(")
        arguments = [self.expression(0)]
        while self._next_is(","):
            self._at += 1
            arguments.append(self.expression(0))
        self._expect(")")
        _check_call(name, arguments)
        return Call(name.text, tuple(arguments))

    def _selector(self, name: str) -> Node:
        matchers = []
        if self._next_is("{"):
            self._at += 1
            while not self._next_is("}"):
                matchers.append(self._matcher())
                if self._next_is(","):
                    self._at += 1
                elif not self._next_is("}"):
                    raise ExpressionError("expected ',' or '}' after a label matcher", self._column())
            self._expect("}")
        window = 0.0
        if (token := self.peek()) is not None and token.kind == "duration":
            self._at += 1
            window = duration(token.text.strip("[] "))
        return Selector(name, tuple(matchers), window)

    def _matcher(self) -> Matcher:
        label = self._next("a label name")
        operator = self._next("one of = != =~ !~")
        value = self._next("a quoted text")
        if label.kind != "name" or operator.text not in ("=", "!=", "=~", "!~") or value.kind != "text":
            raise ExpressionError('a label matcher looks like {pool="fast"}', label.column)
        text = re.sub(r"\\(.)", r"\1", value.text[1:-1])
        if operator.text in ("=~", "!~") and not _SAFE_PATTERN.fullmatch(text):
            raise ExpressionError("a pattern is made of plain text, '|' and at most four '.*' or '.+'", value.column)
        return Matcher(label.text, operator.text, text)

    def _label_list(self) -> tuple[str, ...]:
        self._expect("(")
        labels = []
        while not self._next_is(")"):
            token = self._next("a label name")
            if token.kind != "name":
                raise ExpressionError(f"expected a label name, found {token.text!r}", token.column)
            labels.append(token.text)
            if self._next_is(","):
                self._at += 1
        self._expect(")")
        return tuple(labels)

    def _take_name(self, name: str) -> bool:
        is_here = self._next_is(name)
        self._at += is_here
        return is_here

    def _next_is(self, *texts: str) -> bool:
        token = self.peek()
        return token is not None and token.kind in ("operator", "name") and token.text in texts

    def _next(self, wanted: str) -> _Token:
        token = self.peek()
        if token is None:
            raise ExpressionError(f"the expression ends where {wanted} is expected", self._end)
        self._at += 1
        return token

    def _expect(self, text: str) -> None:
        token = self._next(repr(text))
        if token.text != text:
            raise ExpressionError(f"expected {text!r}, found {token.text!r}", token.column)

    def _column(self) -> int:
        token = self.peek()
        return self._end if token is None else token.column


def _check_call(name: _Token, arguments: list[Node]) -> None:
    wanted = 2 if name.text in ("histogram_quantile", "clamp_min") else 1
    if len(arguments) != wanted:
        raise ExpressionError(f"{name.text} takes {wanted} argument(s), {len(arguments)} given", name.column)
    last = arguments[-1]
    if name.text in (*syntax.COUNTER_FUNCTIONS, *syntax.GAUGE_FUNCTIONS) and not (
        isinstance(last, Selector) and last.window
    ):
        raise ExpressionError(f"{name.text} needs a metric with a window, like {name.text}(metric[5m])", name.column)
    if name.text == "histogram_quantile" and not isinstance(arguments[0], Number):
        raise ExpressionError("histogram_quantile starts with a number between 0 and 1", name.column)
    if name.text == "clamp_min" and not isinstance(last, Number):
        raise ExpressionError("clamp_min ends with a number", name.column)
