"""Which findings may be mended without asking?

Only what cannot lose work and can be taken back. Each fix answers whether it did something.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fleet.diagnostics.finding import Finding
from fleet.store.client import available, connect


def _noeviction(_finding: Finding) -> str:
    client: Any = connect()
    with available():
        client.config_set("maxmemory-policy", "noeviction")
    return "maxmemory-policy is noeviction now; write it into the server's configuration file, too"


def _append_only(_finding: Finding) -> str:
    client: Any = connect()
    with available():
        client.config_set("appendonly", "yes")
    return "appendonly is on now; write it into the server's configuration file, too"


def _drain_ghost(finding: Finding) -> str:
    from fleet.registry import roster

    return f"{finding.subject} is {roster.drain(finding.subject)}: nothing is sent to it; restart it"


FIXES: Mapping[str, Callable[[Finding], str]] = {
    "noeviction": _noeviction,
    "appendonly": _append_only,
    "drain_ghosts": _drain_ghost,
}


def apply(finding: Finding) -> str:
    """Apply the finding's safe fix; returns what was done."""
    return FIXES[finding.action](finding)
