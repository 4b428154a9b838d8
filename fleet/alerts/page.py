"""What does a Prometheus scrape of the whole fleet look like?

Counted and derived numbers of one look at the state, the same the rules are judged by.
"""

from __future__ import annotations

from fleet.alerts.signals import gather
from fleet.clock import SYSTEM
from fleet.settings import current
from fleet.store.client import connect
from fleet.telemetry.exposition import render


def page(accept: str) -> tuple[bytes, str]:
    """Return (body, content type) for the Accept header given."""
    seen = gather(connect(), current().cell, SYSTEM.now())
    return render(seen.fields, seen.derived, accept)
