"""The ways out: one file per kind of channel, strangers to each other.

Each has one function `send(notification, channel, secret) -> Outcome`. None raises for what a receiver may do: hang,
refuse, redirect and fail are answers. `NOTIFIERS` is the only place that knows them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final, Protocol

from fleet.alerts.message import Notification
from fleet.alerts.notifiers.outcome import Outcome
from fleet.alerts.rules import Channel


class Notifier(Protocol):
    """Tell one notification through one channel; `secret` is the channel's, already read."""

    def __call__(self, notification: Notification, channel: Channel, secret: str) -> Outcome: ...


KINDS: Final[Mapping[str, str]] = {
    "slack": "fleet.alerts.notifiers.slack",
    "email": "fleet.alerts.notifiers.email",
    "pagerduty": "fleet.alerts.notifiers.pagerduty",
    "webhook": "fleet.alerts.notifiers.webhook",
}


def notifier(kind: str) -> Notifier:
    """Return the notifier of a kind, imported on first use."""
    found: Notifier = import_module(KINDS[kind]).send
    return found
