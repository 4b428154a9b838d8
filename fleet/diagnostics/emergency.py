"""Is the fleet in emergency mode, and what does that mean for whoever looks?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from fleet.diagnostics.words import moment
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import available, connect


def read() -> dict[str, str]:
    """Return what is in force (since, until, why, share, action); nothing when the fleet is not in emergency mode."""
    client: Any = connect()
    with available():
        return cast("dict[str, str]", client.hgetall(keys.prefix(current().cell) + "emergency"))


def said(emergency: Mapping[str, str]) -> str:
    """Return it in words: what is throttled, until when, why, and how to end it."""
    share, until = float(emergency.get("share", 1)), float(emergency.get("until", 0))
    action, why = emergency.get("action", ""), emergency.get("why") or "no reason was given"
    ends = f" or `fleet actions undo {action}`" if action else ""
    classes = f"{share:.0%} of ordinary submissions (priority 0 to 7) are admitted, urgent ones (8 and 9) pass"
    return f"{classes}, until {moment(until)}{ends}: {why}"
