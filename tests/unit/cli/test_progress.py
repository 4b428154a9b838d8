"""Does long work show a bar at a terminal, and nothing anywhere else?"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

SCRIPT = """
from fleet.cli.progress import progress
import sys
with progress("counting", 3, as_json="--json" in sys.argv) as steps:
    for number in range(3):
        steps.done(f"number {number}")
    steps.say("that was all [of it]")
print("the answer")
"""


def run(*arguments: str, at_terminal: bool) -> tuple[str, str]:
    """Return what a program that uses the bar writes to stdout, and to its stderr, which is a terminal or a file."""
    reader, writer = pty.openpty() if at_terminal else os.pipe()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], stdout=subprocess.PIPE, stderr=writer, text=True, check=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )  # fmt: skip
    os.close(writer)
    seen = b""
    try:
        while part := os.read(reader, 65536):
            seen += part
    except OSError:
        pass  # Linux says so when nobody has the terminal open any more
    os.close(reader)
    return done.stdout, seen.decode()


def test_a_terminal_sees_the_bar_and_what_stays() -> None:
    out, err = run(at_terminal=True)
    assert out == "the answer\n"
    assert "number 2" in err
    assert "100%" in err
    assert "that was all [of it]" in err


@pytest.mark.parametrize(("arguments", "at_terminal"), [(("--json",), True), ((), False), (("--json",), False)])
def test_nothing_is_shown_elsewhere(arguments: tuple[str, ...], at_terminal: bool) -> None:
    assert run(*arguments, at_terminal=at_terminal) == ("the answer\n", "")


def test_nobody_else_draws_bars() -> None:
    home = Path(str(files("fleet"))).parent
    drawn = re.compile(r"rich\.progress|from tqdm|\.status\(f?\"")
    found = [file.relative_to(home) for part in ("fleet", "benchmarks") for file in (home / part).rglob("*.py") if drawn.search(file.read_text())]
    assert found == [Path("fleet/cli/progress.py")]
