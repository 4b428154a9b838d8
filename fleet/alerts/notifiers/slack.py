"""How does Slack hear of it? Through an incoming webhook, whose address is the secret."""

from __future__ import annotations

import json

from fleet.alerts.message import Notification
from fleet.alerts.notifiers.outcome import Outcome
from fleet.alerts.notifiers.post import post
from fleet.alerts.rules import Channel

LONGEST_BLOCK = 2_900
_MARKS = {
    "firing": ":rotating_light:",
    "repeated": ":bell:",
    "acknowledged": ":eyes:",
    "resolved": ":white_check_mark:",
}


def send(notification: Notification, channel: Channel, secret: str) -> Outcome:
    """Post title and text as blocks, cut to Slack's limits."""
    title = f"{_MARKS[notification.kind]} {_escape(notification.title)}"
    text = _escape(notification.text())
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "text": f"*{title}*"[:LONGEST_BLOCK]}},
        *[{"type": "section", "text": {"type": "mrkdwn", "text": part}} for part in _parts(text)],
    ]
    body = json.dumps({"text": title, "blocks": blocks}).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": notification.id}
    return post(secret or channel.url, body, headers, channel.timeout)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _parts(text: str) -> list[str]:
    """Split at line ends; Slack takes 50 blocks of 3000 characters, this sends at most 5."""
    parts, current = [], ""
    for line in text.splitlines():
        if len(current) + len(line) + 1 > LONGEST_BLOCK and current:
            parts.append(current)
            current = ""
        current += line[:LONGEST_BLOCK] + "\n"
    return [part for part in [*parts, current] if part.strip()][:5]
