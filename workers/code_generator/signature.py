"""What is the function called and what does it take, judging by the prompt and the checks?

A small model that is handed the first line of its answer gets much further. The line is taken from the prompt when the
prompt spells it out, else made up from how the checks call it.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence

_SPELLED_OUT = re.compile(r"`?\b([A-Za-z_]\w*)\(([^()]{0,200})\)")
_ASKING = (
    r"^\s*(?:please\s+)?(?:write|implement|create|define|give\s+me|make|def)?\s*(?:me\s+)?(?:an?|the)?\s*"
    r"(?:(?:small|simple|short|python3?)\s+)*"
)
_SIGNATURE = r"(?:called\s+|named\s+)?`?\w+\([^()]*\)(?:\s*->\s*[\w\[\], |]+)?`?"
_LEADING = re.compile(
    rf"(?:{_ASKING}(?:function|method)\s+(?:{_SIGNATURE})?|{_ASKING}{_SIGNATURE})\s*[:,]?\s*"
    r"(?:(?:that|which|to|and|should|must)\s+)*",
    re.IGNORECASE,
)
"""The words a prompt begins with before it says what the function does."""


def header(prompt: str, checks: Sequence[str]) -> str:
    """Return the line the code should begin with, without its colon; empty when nothing says so."""
    called = _first_call(checks)
    name = called.func.id if called is not None and isinstance(called.func, ast.Name) else ""
    if name[:1].isupper():
        return f"class {name}"
    for candidate, arguments in _SPELLED_OUT.findall(prompt):
        if name in ("", candidate) and _is_signature(candidate, arguments):
            return f"def {candidate}({arguments.strip()})"
    return f"def {name}({', '.join(_argument_names(called))})" if called is not None else ""


def docstring(prompt: str) -> str:
    """Return what the prompt says the function does, as one docstring line."""
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in prompt).split())
    said = _LEADING.sub("", words, count=1) or words
    first = re.split(r"(?<=[.!?])\s", said, maxsplit=1)[0][:240].strip().rstrip(".")
    return (first[:1].upper() + first[1:] + ".").replace("\\", "").replace('"""', "'")


def _is_signature(name: str, arguments: str) -> bool:
    try:
        ast.parse(f"def {name}({arguments}): pass")
    except (SyntaxError, ValueError):
        return False
    return True


def _first_call(checks: Sequence[str]) -> ast.Call | None:
    """Return the outermost call of a plain, non-built-in name in the first check that has one."""
    for check in checks:
        for node in _calls(ast.parse(check)):
            if isinstance(node.func, ast.Name) and not hasattr(builtins, node.func.id):
                return node
    return None


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _argument_names(call: ast.Call) -> list[str]:
    names: list[str] = []
    for argument in call.args:
        names.append(_fresh(_guess(argument), names))
    return names + [keyword.arg for keyword in call.keywords if keyword.arg]


def _guess(argument: ast.expr) -> str:
    match argument:
        case ast.Constant(value=str()):
            return "text"
        case ast.Constant(value=bool()):
            return "flag"
        case ast.List() | ast.Tuple() | ast.Set():
            return "items"
        case ast.Dict():
            return "mapping"
        case _:
            return "n"


def _fresh(name: str, taken: Sequence[str]) -> str:
    if name not in taken:
        return name
    return next(f"{name}{number}" for number in range(2, 100) if f"{name}{number}" not in taken)
