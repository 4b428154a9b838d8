"""What were the fleet's numbers a while ago?

Two bounded rings of moments in Redis, holding only the series that windows of rules need: every evaluation for a bit
more than an hour, and every ten minutes for three days. A moment is compressed JSON, some kilobytes.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, cast

import orjson

from fleet.alerts.syntax import Node, selectors
from fleet.alerts.windows import Labels, Moment, Vector
from fleet.store import keys
from fleet.store.client import Client, available

FINE_SECONDS: Final = 3600.0
COARSE_EVERY_SECONDS: Final = 600.0
COARSE_LENGTH: Final = 440
SMALL: Final = 50


def fine_length(interval_seconds: float) -> int:
    """Return how many moments the fine ring holds."""
    return min(500, math.ceil(FINE_SECONDS * 1.3 / interval_seconds) + 2)


def windowed_names(nodes: Iterable[Node]) -> frozenset[str]:
    """Return the series whose past the conditions look at."""
    return frozenset(selector.name for node in nodes for selector in selectors(node) if selector.window)


def long_names(nodes: Iterable[Node]) -> frozenset[str]:
    """Return those that look further back than the fine ring reaches."""
    return frozenset(s.name for node in nodes for s in selectors(node) if s.window > FINE_SECONDS)


def small(moment: Moment, nodes: Iterable[Node]) -> frozenset[str]:
    """Return the other series of rules that are few enough to be kept for plots."""
    names = {selector.name for node in nodes for selector in selectors(node)}
    return frozenset(name for name in names if len(moment.series.get(name, {})) <= SMALL)


def longest_window(nodes: Iterable[Node]) -> float:
    return max((selector.window for node in nodes for selector in selectors(node)), default=0.0)


def encode(moment: Moment, names: Iterable[str]) -> str:
    """Return the moment as text, cut down to these names."""
    rows = {
        name: {orjson.dumps(labels).decode(): value for labels, value in moment.series.get(name, {}).items()}
        for name in sorted(names)
    }
    return base64.b85encode(zlib.compress(orjson.dumps([round(moment.at, 3), rows]), 1)).decode()


@lru_cache(maxsize=256)
def decode(text: str) -> Moment:
    """Read a moment; the next look reads the same ones again, all but the newest."""
    at, rows = orjson.loads(zlib.decompress(base64.b85decode(text)))
    series: Mapping[str, Vector] = {
        # JSON knows no infinity: a value that is none is written as null.
        name: {_labels(labels): math.inf if value is None else float(value) for labels, value in row.items()}
        for name, row in rows.items()
    }
    return Moment(at, series)


@lru_cache(maxsize=100_000)
def _labels(text: str) -> Labels:
    """Read labels as `encode` writes them; every moment of a ring names the same ones."""
    return tuple((name, value) for name, value in orjson.loads(text))


def read(client: Client, cell: str, window_seconds: float) -> tuple[list[Moment], list[Moment]]:
    """Return the fine and the coarse moments that a window of this length needs, oldest first."""
    prefix = keys.prefix(cell)
    coarse_count = math.ceil(window_seconds * 1.25 / COARSE_EVERY_SECONDS) + 2 if window_seconds > FINE_SECONDS else 1
    with available():
        pipeline = client.pipeline(transaction=False)
        pipeline.lrange(prefix + "signals", 0, -1)
        pipeline.lrange(prefix + "signals_coarse", 0, coarse_count - 1)
        fine, coarse = cast("list[list[str]]", pipeline.execute())
    return [decode(text) for text in reversed(fine)], [decode(text) for text in reversed(coarse)]


def join(fine: list[Moment], coarse: list[Moment], now: Moment) -> list[Moment]:
    """Return one history: coarse where only that exists, then fine, then now."""
    oldest = fine[0].at if fine else now.at
    return sorted(
        [*(m for m in coarse if m.at < oldest), *(m for m in fine if m.at < now.at), now], key=lambda moment: moment.at
    )
