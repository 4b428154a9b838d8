"""What does a scrape of the whole fleet answer?

One page for the cell, the same whoever serves it: so only one of its servers may be scraped, or sums count twice. While
the store is away the page still says so, because a missing page looks like a missing fleet.
"""

from __future__ import annotations

from fleet.alerts import signals
from fleet.errors import StoreUnavailable
from fleet.store.client import Client
from fleet.telemetry.exposition import render
from fleet.telemetry.metric import sample


def page(client: Client, cell: str, now: float, accept: str = "") -> tuple[bytes, str]:
    """Return the page and its content type."""
    try:
        seen = signals.gather(client, cell, now)
    except StoreUnavailable:
        return render({}, [sample("fleet_broker_up", 0.0)], accept)
    return render(seen.fields, seen.derived, accept)
