"""How is a trace file opened, and how is it refused?

Plain or gzip. Bad rows are named by line, all of them at once, and nothing is simulated on half a file.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet.errors import ConfigurationError

SHOWN = 10


class BadTrace(ConfigurationError):
    """A trace file has rows that cannot be used; each is named by line."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        self.path, self.problems = path, tuple(problems)
        shown = "; ".join(problems[:SHOWN])
        more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        super().__init__(f"trace {path} has {len(problems)} bad rows, correct or remove them: {shown}{more}")


@contextmanager
def opened(path: Path) -> Iterator[io.TextIOBase]:
    """Open a trace for reading, unpacking gzip."""
    try:
        packed = path.read_bytes()[:2] == b"\x1f\x8b"
        with gzip.open(path, "rt", newline="") if packed else path.open(newline="") as lines:
            yield lines
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise ConfigurationError(f"trace {path} cannot be read: {error}") from error


def columns(path: Path) -> list[str]:
    """Return the file's header."""
    with opened(path) as lines:
        return [name.strip() for name in next(csv.reader(lines), [])]
