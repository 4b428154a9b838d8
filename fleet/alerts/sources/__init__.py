"""Where the fleet's derived numbers come from: one file per area of state.

A source reads what its area left in the store, in a bounded number of round trips, and yields samples of the metrics it
provides. It decides nothing and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fleet.store.client import Client
from fleet.telemetry.metric import Sample

Read = Callable[[Client, str, float], Iterable[Sample]]


@dataclass(frozen=True, slots=True)
class Source:
    """`provides` names the metrics that are out of sight while `read` fails."""

    name: str
    provides: tuple[str, ...]
    read: Read
