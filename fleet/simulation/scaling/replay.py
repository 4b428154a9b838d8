"""Which workload for one pool does a trace hold?

Every form the dispatch simulator reads: arrivals with service times or tokens, JSON lines, requests per second; and tables
of client rates, drawn at the rate asked for. What the trace does not say about service times is drawn from the seed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fleet.errors import ConfigurationError
from fleet.simulation import traces
from fleet.simulation.scaling import servegen
from fleet.simulation.scaling.trace_file import columns
from fleet.simulation.scaling.workload import DEFAULT_TIMES, ServiceTimes, Workload, from_arrivals

SHORTEST_SECONDS = 0.01


def read(path: Path, seed: int, rate: float | None = 1.0, times: ServiceTimes = DEFAULT_TIMES) -> Workload:
    """Return the workload in the file; `rate` is for tables of rates only."""
    if servegen.recognises(columns(path)):
        return servegen.read(path, seed, rate, times)
    rows = traces.rows_of(path, seed)
    if not rows:
        raise ConfigurationError(f"trace {path} has no rows: nothing to simulate")
    arrivals = np.asarray([row.at for row in rows])
    sizes = [row.size for row in rows if row.size is not None]
    known = np.maximum(np.asarray(sizes), SHORTEST_SECONDS) if len(sizes) == len(rows) else None
    origin = f"{path.name}, {'drawn' if known is None else 'its own'} service times"
    rng = np.random.default_rng(seed)
    return from_arrivals(path.name.split(".")[0], arrivals - arrivals.min(), rng, origin, times, known)
