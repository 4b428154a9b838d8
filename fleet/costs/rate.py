"""What did the last hour cost?

The hot ledger holds what was not rolled up yet, the durable one the rest; both together are the hour.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from fleet.costs.entries import entry_of
from fleet.settings import Settings
from fleet.store import keys
from fleet.store.client import Client, available

HOUR_MS = 3_600_000


def last_hour(client: Client, cell: str, settings: Settings) -> int:
    """Return the micro-dollars of the last hour; where the durable ledger is not in reach, of the hot one alone.

    The durable ledger is read first: an entry that moves in between is missing for one look, never there twice.
    """
    with available():
        seconds, _ = client.time()
    since = (seconds * 1000) - HOUR_MS
    kept = _durable(settings, since)
    with available():
        rows = cast("list[tuple[str, dict[str, str]]]", client.xrange(f"{keys.prefix(cell)}ledger", min=str(since)))
    return kept + sum(entry_of(row).micros for _, row in rows)


def _durable(settings: Settings, since: int) -> int:
    from fleet.costs.durable import FILE, DurableLedger, ledger_url

    url = ledger_url(settings)
    if url == f"sqlite:///{settings.state_dir / FILE}" and not Path(settings.state_dir / FILE).exists():
        return 0
    ledger = DurableLedger(url)
    try:
        return int(ledger.columns(since=since).micros.sum())
    finally:
        ledger.close()
