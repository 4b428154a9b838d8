"""Which part of a model's answer is the code?

The fenced block, if there is one (also when the answer was cut off before the fence closed), else the answer itself.
An answer cut off in the middle of a line loses its broken end rather than everything.
"""

from __future__ import annotations

import ast
import re

_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[ \t]*([A-Za-z0-9_+.-]*)[^\n]*$", re.MULTILINE)
_PYTHON = frozenset({"", "python", "py", "python3", "pycon"})


def extract(answer: str) -> str:
    """Return the code of an answer; empty when there is none."""
    blocks = [textwrapped for language, textwrapped in _fenced(answer) if language in _PYTHON and textwrapped.strip()]
    if not blocks:
        return _longest_parsing_start(answer.strip("\n"), must_define=True)
    defining = [block for block in blocks if _defines(block)]
    return _longest_parsing_start((defining or blocks)[0].strip("\n"), must_define=False)


def _fenced(answer: str) -> list[tuple[str, str]]:
    """Return (language, text) of every fenced block, the last one possibly unclosed."""
    marks = list(_FENCE.finditer(answer))
    blocks = []
    for opening, closing in zip(marks[::2], [*marks[1::2], None], strict=False):
        end = closing.start() if closing else len(answer)
        blocks.append((opening.group(1).lower(), answer[opening.end() : end].removeprefix("\n")))
    return blocks


def _longest_parsing_start(code: str, *, must_define: bool) -> str:
    """Return the longest start of whole lines that parses; the code as it is when no start does."""
    lines = code.split("\n")
    for end in range(len(lines), 0, -1):
        start = "\n".join(lines[:end])
        if _parses(start) and _defines(start):
            return start.rstrip() + "\n"
    return "" if must_define else code


def _parses(code: str) -> bool:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _defines(code: str) -> bool:
    return re.search(r"^(?:async\s+def|def|class)\s|^\w+\s*=", code, re.MULTILINE) is not None
