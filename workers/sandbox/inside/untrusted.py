"""How does the untrusted code get its turn, step by step, and how is it told what came of each?

Every line to the outside carries a nonce the code was not given, so that stray output on the pipe is not mistaken for a
report. Values travel as plain data (`values`), exceptions as text.
"""

from __future__ import annotations

import ast
import builtins
import json
import os
import sys
from typing import Any

from workers.sandbox import values

FILE = "<generated>"
MODULE = "generated"
SHOWN_CHARACTERS = 500


class Report:
    """The pipe to the outside."""

    def __init__(self, fd: int, nonce: str) -> None:
        self._fd, self._nonce = fd, nonce

    def send(self, message: dict[str, Any]) -> None:
        """Send one message, whole."""
        line = (self._nonce + json.dumps(message) + "\n").encode()
        while line:
            line = line[os.write(self._fd, line) :]


def run(source: str, steps: list[list[str]], report: Report, value_bytes: int) -> None:
    """Load the source, take every step, report each as it ends."""
    _forget_ourselves()
    namespace: dict[str, Any] = {"__name__": MODULE, "__builtins__": builtins}
    try:
        exec(compile(source, FILE, "exec"), namespace)  # nosec B102 - what the sandbox is for
    except BaseException as exc:
        namespace.clear()  # what it holds may be all the memory there is
        report.send({"load": _described(exc)})
        return
    report.send({"load": None})
    for index, (kind, text) in enumerate(steps):
        report.send({"step": index, **_step(kind, text, namespace, value_bytes)})
    report.send({"done": True})
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass


def _step(kind: str, text: str, namespace: dict[str, Any], value_bytes: int) -> dict[str, Any]:
    scope = dict(namespace)
    try:
        if kind == "execute":
            exec(compile(text, "<step>", "exec"), scope)  # nosec B102
            return {"status": "returned"}
        plain = values.to_plain(eval(compile(text, "<step>", "eval"), scope))  # nosec B307
        if len(json.dumps(plain)) > value_bytes:
            raise values.NotPlain(f"a value larger than {value_bytes} bytes")
        return {"status": "returned", "value": plain}
    except BaseException as exc:
        return {"status": "raised", "raised": _described(exc, text if kind == "execute" else "")}


def _described(exc: BaseException, statement: str = "") -> dict[str, Any]:
    try:
        shown = str(exc)
    except BaseException:
        shown = "(its text cannot be shown)"
    if isinstance(exc, AssertionError) and not shown:
        shown = _sketch(statement)
    line = getattr(exc, "lineno", None) if isinstance(exc, SyntaxError) else None
    trace = exc.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return {
        "type": type(exc).__name__,
        "text": shown[:SHOWN_CHARACTERS],
        "line": line if isinstance(line, int) else None,
    }


def _sketch(statement: str) -> str:
    """Repeat a failed assertion that carries no text of its own."""
    try:
        return "not true: " + ast.unparse(ast.parse(statement).body[-1])
    except (SyntaxError, IndexError):
        return ""


def _forget_ourselves() -> None:
    """Take our modules and the path to them away from the code's imports."""
    sys.path[:] = [path for path in sys.path if path.startswith((sys.base_prefix, sys.base_exec_prefix))]
    for name in [name for name in sys.modules if name.split(".")[0] in ("workers", "fleet", "__main__")]:
        if name != "__main__":
            del sys.modules[name]
