"""What is going on in every pool right now?

Two round trips for the whole fleet: running sums and counts per pool, then what is held and who could run it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from fleet.catalogue.declaration import Catalogue
from fleet.scaling.snapshot import SUMS, Gathered
from fleet.store import keys
from fleet.store.client import Client, available
from fleet.store.lanes import BOUND_EARLY, task_type

DEFAULT_SPEED_OR_PRICE = 2.0
"""What the dispatcher's scripts assume while nobody published the knob."""
OUT_UNTIL = 4
"""Place of the moment an ejection ends in what the dispatcher keeps of a pool's standing."""


def gather(client: Client, cell: str, catalogue: Catalogue, now: float) -> Gathered:
    """Read the counts and sums of every declared pool."""
    start, pools = keys.prefix(cell), list(catalogue.pools)
    pipe = client.pipeline(transaction=False)
    for name in ("inflight", "slots", "paused", "ejected"):
        pipe.hgetall(f"{start}{name}")
    pipe.smembers(f"{start}lanes")
    for pool in pools:
        pipe.hgetall(f"{start}arrivals:{pool}")
        pipe.hmget(f"{start}stats:{pool}", ["service", "square"])
    pipe.hget(f"{start}knobs", "kappa")
    with available():
        in_flight, slots, paused, ejected, lanes, *rows, kappa = pipe.execute()
    order = sorted(lanes)
    types = sorted({task_type(lane) for lane in order if not lane.startswith(BOUND_EARLY)})
    queued = client.pipeline(transaction=False)
    for lane in order:
        queued.zcard(f"{start}held:{lane}")
    for kind in types:
        queued.hgetall(f"{start}factors:{kind}")
        queued.get(f"{start}size:{kind}")
    with available():
        answers = queued.execute() if order else []
    counts, learned = answers[: len(order)], answers[len(order) :]
    held = Counter[str]()
    for lane, count in zip(order, counts, strict=True):
        held[task_type(lane)] += count
    return Gathered(
        sums={
            pool: {name: float(row.get(name, 0.0)) for name in SUMS} for pool, row in zip(pools, rows[::2], strict=True)
        },
        service={
            pool: (float(mean), float(square or 2.0 * float(mean) ** 2))
            for pool, (mean, square) in zip(pools, rows[1::2], strict=True)
            if mean
        },
        in_flight=_counts(in_flight),
        slots=_counts(slots),
        closed=frozenset(paused) | {pool for pool, standing in ejected.items() if _out(standing, now)},
        held=held,
        costs={
            kind: {pool: float(factor) for pool, factor in row.items()}
            for kind, row in zip(types, learned[::2], strict=True)
        },
        sizes={kind: float(size.split()[1]) for kind, size in zip(types, learned[1::2], strict=True) if size},
        speed_or_price=float(kappa) if kappa is not None else DEFAULT_SPEED_OR_PRICE,
    )


def _counts(row: Mapping[str, str]) -> dict[str, int]:
    return {pool: max(int(float(count)), 0) for pool, count in row.items()}


def _out(standing: str, now: float) -> bool:
    """Tell whether a pool's ejection is still in force."""
    numbers = standing.split()
    return len(numbers) > OUT_UNTIL and float(numbers[OUT_UNTIL]) > now
