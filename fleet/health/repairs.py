"""Where is written down what was mended outside a script?"""

from __future__ import annotations

from typing import Any

from fleet.settings import current
from fleet.store import keys
from fleet.store.client import available, connect

KEPT = 1000


def note(kind: str, **about: str | float) -> None:
    """List a repair under `fleet health`, beside those the scripts note themselves."""
    client: Any = connect()
    with available():
        client.xadd(f"{keys.prefix(current().cell)}repairs", {"kind": kind, **about}, maxlen=KEPT, approximate=True)
