"""Is this a Python program worth executing?

Syntax, size and the names the checks will call: three cheap questions whose answers are better evidence for the next
attempt than a crash in the sandbox.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable
from dataclasses import dataclass

MAX_CODE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Parsed:
    """Whether it parsed; `problem` is the evidence when it did not."""

    problem: str = ""
    defines: frozenset[str] = frozenset()

    @property
    def ok(self) -> bool:
        return not self.problem


def parse(code: str, called: Iterable[str] = ()) -> Parsed:
    """Parse `code` and look for the names in `called`."""
    if not code.strip():
        return Parsed("the answer contains no Python code")
    size = len(code.encode("utf-8", "replace"))
    if size > MAX_CODE_BYTES:
        return Parsed(f"the code is {size} bytes long, more than the {MAX_CODE_BYTES} allowed")
    try:
        tree = ast.parse(code)
    except SyntaxError as exc:
        return Parsed(f"SyntaxError in line {exc.lineno}: {exc.msg}")
    except (ValueError, RecursionError, MemoryError) as exc:
        return Parsed(f"the code cannot be parsed: {exc or type(exc).__name__}")
    defines = frozenset(defined(tree))
    absent = sorted(set(called) - defines)
    if absent and not _imports_everything(tree):
        return Parsed(f"the code does not define {', '.join(map(repr, absent))}", defines)
    return Parsed(defines=defines)


def defined(tree: ast.Module) -> Iterable[str]:
    """Yield the names a module binds anywhere at its top level, branches and imports included."""
    for node in _outside_functions(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                yield from (alias.asname or alias.name.split(".")[0] for alias in aliases)


def called_names(source: str) -> frozenset[str]:
    """Return the plain names a check calls and neither Python nor the check itself provides."""
    tree = ast.parse(source)
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return frozenset(called - bound - set(defined(tree)) - set(dir(builtins)))


def _outside_functions(tree: ast.AST) -> Iterable[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from _outside_functions(node)


def _imports_everything(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names) for node in ast.walk(tree)
    )
