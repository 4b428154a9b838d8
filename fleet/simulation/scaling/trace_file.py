"""What did the user's own workload look like?

A CSV (plain or gzip) with a column `t_s` (seconds, any origin) and, when known, `service_s` or input and output
tokens. Bad rows are named by line, all of them at once, and nothing is simulated on half a file.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from fleet.errors import ConfigurationError
from fleet.simulation.scaling.workload import DEFAULT_TIMES, ServiceTimes, Workload, from_arrivals

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


def read(path: Path, seed: int, times: ServiceTimes = DEFAULT_TIMES) -> Workload:
    """Return the workload in the file; service times that are not in it are drawn from the seed."""
    header = columns(path)
    if "t_s" not in header:
        found = ", ".join(header) or "nothing"
        raise ConfigurationError(f"trace {path} has no column 't_s' (arrival, in seconds); it has: {found}")
    arrivals: list[float] = []
    services: list[float] = []
    problems: list[str] = []
    with opened(path) as lines:
        for number, row in enumerate(csv.DictReader(lines), start=2):
            try:
                arrivals.append(_number(row, "t_s"))
                if (service := _service(row)) is not None:
                    services.append(service)
            except ValueError as error:
                problems.append(f"line {number}: {error}")
    if problems:
        raise BadTrace(path, problems)
    if not arrivals:
        raise ConfigurationError(f"trace {path} has a header but no rows: nothing to simulate")
    since_first = np.asarray(arrivals) - min(arrivals)
    known = np.asarray(services) if services else None
    rng = np.random.default_rng(seed)
    origin = f"{path.name}, {'its own' if services else 'drawn'} service times"
    return from_arrivals(path.name.split(".")[0], since_first, rng, origin, times, known)


def _service(row: dict[str, str]) -> float | None:
    if "service_s" in row:
        seconds = _number(row, "service_s")
        if seconds <= 0.0:
            raise ValueError(f"service_s is {seconds}, must be above 0")
        return seconds
    if "input_tokens" in row and "output_tokens" in row:
        return 0.5 + _number(row, "input_tokens") / 5000.0 + _number(row, "output_tokens") / 25.0
    return None


def _number(row: dict[str, str], column: str) -> float:
    text = row.get(column)
    if text is None or not text.strip():
        raise ValueError(f"{column} is missing")
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{column} is {text!r}, not a number") from None
    if not math.isfinite(value) or value < 0.0:
        raise ValueError(f"{column} is {text!r}, must be finite and not negative")
    return value
