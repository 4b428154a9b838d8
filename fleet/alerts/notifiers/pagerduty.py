"""How is somebody paged? Through PagerDuty's Events API v2, which keeps the incident by our dedup key."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from fleet.alerts.message import Notification
from fleet.alerts.notifiers.outcome import Outcome
from fleet.alerts.notifiers.post import post
from fleet.alerts.rules import Channel
from fleet.clock import utc

ADDRESS = "https://events.pagerduty.com/v2/enqueue"
_ACTIONS = {"firing": "trigger", "repeated": "trigger", "acknowledged": "acknowledge", "resolved": "resolve"}
LONGEST_KEY = 255


def send(notification: Notification, channel: Channel, secret: str) -> Outcome:
    """Send one event; a second copy of it changes nothing at the receiver."""
    event: dict[str, Any] = {
        "routing_key": secret,
        "event_action": _ACTIONS[notification.kind],
        "dedup_key": (notification.dedup or f"{notification.cell}/{notification.rule}")[:LONGEST_KEY],
    }
    if event["event_action"] == "trigger":
        event["client"] = "Agent Fleet"
        event["payload"] = {
            "summary": f"{notification.title}: {notification.summary}"[:1024],
            "source": f"fleet/{notification.cell}",
            "severity": notification.severity,
            "timestamp": utc(notification.at).isoformat(),
            "class": notification.rule,
            "custom_details": {
                "condition": notification.condition,
                "threshold": notification.threshold,
                "incidents": [asdict(subject) for subject in notification.subjects],
                "evidence": {heading: list(rows) for heading, rows in notification.evidence},
                "first_things_to_try": list(notification.first_things_to_try),
                "runbook": notification.runbook,
            },
        }
        if notification.runbook.startswith("http"):
            event["links"] = [{"href": notification.runbook, "text": "Runbook"}]
    body = json.dumps(event).encode()
    return post(channel.url or ADDRESS, body, {"Content-Type": "application/json"}, channel.timeout)
