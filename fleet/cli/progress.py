"""How does somebody at a terminal see that long work goes on?

A bar on stderr while stderr is a terminal; with `--json`, in a pipe and in a pipeline's log there is none, and nothing else
instead. Work that takes long tells by calling a plain function, so that only the command line knows of bars.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Steps:
    """The steps of one piece of work; without a terminal every method does nothing."""

    def __init__(self, bar: Progress | None = None, task: TaskID | None = None) -> None:
        self._bar, self._task = bar, task

    def done(self, what: str) -> None:
        """Say which step is done."""
        self._update(description=what, advance=1)

    def reached(self, what: str, number: float, total: float) -> None:
        """Say how far `what` is: `number` of `total`, in any unit."""
        self._update(description=what, completed=number, total=total)

    def say(self, line: str) -> None:
        """Print a line that stays, above the bar."""
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False)

    def _update(self, **changes: object) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, **changes)  # type: ignore[arg-type]


@contextmanager
def progress(title: str, total: float | None = None, *, as_json: bool = False) -> Iterator[Steps]:
    """Show a bar while the block runs; `total` steps, None while nobody knows how many."""
    if as_json or not sys.stderr.isatty():
        yield Steps()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield Steps(bar, bar.add_task(title, total=total))

