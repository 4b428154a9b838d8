"""Is this gateway alive, and can it serve?

`/health` asks nothing of anybody: restarting a gateway does not mend a broken store. `/ready` asks whether a submission
would reach the store and find its script there.
"""

from __future__ import annotations

from fleet.errors import StoreUnavailable
from fleet.gateway.exchange import Answer, Call
from fleet.gateway.problems import RETRY_SECONDS, Problem
from fleet.store.client import available


def health(_call: Call) -> Answer:
    """Return that the process answers."""
    return Answer({"status": "alive"})


def ready(call: Call) -> Answer:
    """Return whether submissions can be taken."""
    try:
        with available():
            call.client.ping()
    except StoreUnavailable:
        raise Problem(503, "not-ready", "the fleet's store does not answer", retry_after=RETRY_SECONDS) from None
    return Answer({"status": "ready"})


def metrics(call: Call) -> Answer:
    """Return the fleet's numbers as Prometheus reads them."""
    from fleet.alerts.scrape import page
    from fleet.clock import SYSTEM

    content, media = page(call.client, call.cell, SYSTEM.now(), call.headers.get("accept", ""))
    return Answer(content=content, media=media)
