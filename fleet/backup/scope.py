"""Which keys does a backup carry?

Everything the cell keeps, but for what only describes workers that are alive now, and what the unfinished tasks' records
say as well: lanes, counters and queues are made anew from the records.
"""

from __future__ import annotations

from typing import Final

LIVE: Final[frozenset[str]] = frozenset(
    {
        # said by the records, and made from them again
        "held:<lane>", "lanes", "fair", "inflight", "released",
        # said by the workers, and by the next `fleet up`
        "slots", "contracts", "serving", "workers", "worker:<worker>", "running:<worker>", "queues", "ejected",
        # of the last minute or two
        "retry_budget", "ticked", "limit:<scope>", "quota:<model>", "quota_closed", "login_failures:<source>",
        "lease:<job>", "outbox_leases", "jobs", "targets",
    }
)  # fmt: skip
"""Suffixes of `fleet.store.keys.TABLE` that are left out."""

TASK: Final = "task:"
PRECIOUS: Final = ("history", "ledger", "dead", "delayed", "parked", "audit")
"""Keys that, like any task's record, say that a cell is in use."""


def heads() -> list[str]:
    """Return the left-out suffixes as the script compares them: whole, or up to the colon before a placeholder."""
    return sorted(suffix.partition("<")[0] for suffix in LIVE)
