"""Which tasks did somebody's own trace contain?

A user's CSV: `t_s` (arrival) and `size_s` (or `service_s`), optionally `type`, `tenant`, `priority`, `complexity`; or, recognised by
their columns, the public forms: tokens per request (CSV or JSON lines), rates per client, requests per second. Bad rows
are named by line, all of them at once, and nothing is simulated on half a file.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fleet.errors import ConfigurationError
from fleet.simulation.fleets import Floats, SimulatedFleet, SimulatedType
from fleet.simulation.scaling import servegen
from fleet.simulation.scaling.trace_file import BadTrace, opened
from fleet.simulation.workload import Workload, assemble, scaled


@dataclass(frozen=True, slots=True)
class Row:
    """One task of a trace; what the trace does not say is None."""

    at: float
    size: float | None = None
    type: str = "task"
    tenant: str = "default"
    priority: int = 0
    complexity: float | None = None


def read(path: Path, fleet: SimulatedFleet, *, load: float | None = None, tasks: int | None = None,
         seed: int = 0) -> Workload:  # fmt: skip
    """Return the trace as a workload for this fleet; with `load`, sizes are scaled until the fleet is that busy.

    Sizes the trace does not know are drawn like the fleet's own; a type the fleet does not know is served at each
    pool's mean speed. `tasks` keeps only the first ones.
    """
    rows = sorted(rows_of(path, seed), key=lambda row: row.at)[:tasks]
    if len(rows) < 2:
        raise ConfigurationError(f"trace {path} holds {len(rows)} tasks: at least 2 are needed to simulate anything")
    rng = np.random.default_rng(seed)
    serving = _serving(fleet, {row.type for row in rows})
    kinds, tenants = {kind.name: i for i, kind in enumerate(serving.types)}, sorted({row.tenant for row in rows})
    arrival = np.array([row.at for row in rows]) - rows[0].at
    given: dict[str, Any] = {
        "kind": np.array([kinds[row.type] for row in rows]),
        "tenant": np.array([tenants.index(row.tenant) for row in rows]),
        "tenants": tuple(tenants),
        "priority": np.array([row.priority for row in rows]),
        "source": str(path),
    }
    drawn = assemble(path.name.split(".")[0], serving, arrival, rng, **given)
    size = np.array([own if row.size is None else row.size for row, own in zip(rows, drawn.size, strict=True)])
    hard = [own if row.complexity is None else row.complexity for row, own in zip(rows, drawn.complexity, strict=True)]
    return scaled(replace(drawn, size=np.maximum(size, 0.001), complexity=np.array(hard)), load)


def _serving(fleet: SimulatedFleet, names: set[str]) -> SimulatedFleet:
    """Return the fleet with the trace's types only, unknown ones at each pool's mean speed."""
    known = {kind.name: index for index, kind in enumerate(fleet.types)}
    mean_seconds, mean_success = np.nanmean(fleet.seconds, axis=0), fleet.success.mean(axis=0)
    chosen = sorted(names)
    at = [known.get(name) for name in chosen]
    return SimulatedFleet(
        pools=fleet.pools,
        types=tuple(
            fleet.types[index] if index is not None else SimulatedType(name, 1.0, 15.0, 1.0)
            for name, index in zip(chosen, at, strict=True)
        ),
        seconds=np.array([mean_seconds if index is None else fleet.seconds[index] for index in at]),
        success=np.array([mean_success if index is None else fleet.success[index] for index in at]),
    )


def rows_of(path: Path, seed: int) -> list[Row]:
    """Return the tasks a trace names, in the order of the file."""
    with opened(path) as lines:
        first = lines.readline().lstrip("\ufeff").strip()
        columns = [name.strip() for name in first.split(",")]
        if first.startswith("{"):
            parsed, problems = _parsed(enumerate([first, *lines], start=1), _from_json)
        elif first.isdigit():
            counts, problems = _parsed(enumerate([first, *lines], start=1), lambda line: Row(at=float(int(line))))
            parsed = _spread([int(row.at) for row in counts], seed)
        elif servegen.recognises(columns):
            arrivals = servegen.read(path, seed).arrivals
            parsed, problems = [Row(at=float(at)) for at in arrivals], []
        elif {"t_s", "input_tokens", "output_tokens"} <= set(columns):
            parsed, problems = _parsed(enumerate(csv.DictReader(lines, columns), start=2), _from_tokens)
        elif "t_s" in columns:
            parsed, problems = _parsed(enumerate(csv.DictReader(lines, columns), start=2), _from_user)
        else:
            raise ConfigurationError(
                f"trace {path} has columns {', '.join(columns) or 'none'}: give t_s and size_s (and type, tenant, "
                "priority, complexity), or t_s, input_tokens, output_tokens"
            )
    if problems:
        raise BadTrace(path, problems)
    return parsed


def _parsed(lines: Iterable[tuple[int, Any]], parse: Callable[[Any], Row]) -> tuple[list[Row], list[str]]:
    rows, problems = [], []
    for number, line in lines:
        try:
            rows.append(parse(line))
        except (ValueError, KeyError, TypeError) as error:
            problems.append(f"line {number}: {error if isinstance(error, ValueError) else f'{error} is missing'}")
    return rows, problems


def _from_user(row: Mapping[str, str | None]) -> Row:
    optional = {name: text for name in ("type", "tenant") if (text := row.get(name))}
    complexity = _number(row, "complexity") if row.get("complexity") else None
    if complexity is not None and complexity > 1:
        raise ValueError(f"complexity is {complexity}, must lie between 0 and 1")
    size = next((_number(row, name) for name in ("size_s", "service_s") if name in row), None)
    priority = int(_number(row, "priority")) if row.get("priority") else 0
    return Row(_number(row, "t_s"), size, priority=priority, complexity=complexity, **optional)


def _from_tokens(row: Mapping[str, str | None]) -> Row:
    return Row(_number(row, "t_s"), service_of(_number(row, "input_tokens"), _number(row, "output_tokens")), "code")


def _from_json(line: str) -> Row:
    row = json.loads(line)
    size = service_of(float(row["input_length"]), float(row["output_length"]))
    return Row(float(row["timestamp"]) / 1000, size, "chat")


def service_of(input_tokens: float, output_tokens: float) -> float:
    """Return seconds a language model plausibly takes: start, reading and writing."""
    return 0.5 + input_tokens / 5000 + output_tokens / 25


def _spread(counts: list[int], seed: int) -> list[Row]:
    """Return arrivals spread uniformly within each second, thinned to about one a second over all."""
    rng = np.random.default_rng(seed)
    kept = rng.binomial(counts, min(1.0, len(counts) / max(sum(counts), 1)))
    times: Floats = np.repeat(np.arange(len(counts)), kept) + rng.uniform(0, 1, int(kept.sum()))
    return [Row(at=float(at)) for at in times]


def _number(row: Mapping[str, str | None], column: str) -> float:
    text = (row.get(column) or "").strip()
    if not text:
        raise ValueError(f"{column} is missing")
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{column} is {text!r}, not a number") from None
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{column} is {text!r}, must be finite and not negative")
    return value

