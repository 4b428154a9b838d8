"""How does any other program hear of it? Through a signed post of the whole notification.

`Fleet-Signature: t=<unix time>,v1=<hex HMAC-SHA256 of "<t>.<body>">`; the receiver recomputes it, refuses old times,
and drops a second copy by `Idempotency-Key`.
"""

from __future__ import annotations

import hashlib
import hmac
import time

from fleet.alerts.message import Notification
from fleet.alerts.notifiers.outcome import Outcome
from fleet.alerts.notifiers.post import post
from fleet.alerts.rules import Channel


def send(notification: Notification, channel: Channel, secret: str) -> Outcome:
    """Post the notification as JSON, signed with the channel's secret."""
    body = notification.to_json().encode()
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": notification.id,
        "Fleet-Signature": signature(secret, body, int(time.time())),
    }
    return post(channel.url, body, headers, channel.timeout)


def signature(secret: str, body: bytes, at: int) -> str:
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def is_genuine(secret: str, body: bytes, header: str, now: float, tolerance_seconds: float = 300.0) -> bool:
    """Check a signature as a receiver must: constant time, and not older than the tolerance."""
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    if not parts.get("t", "").isdigit() or abs(now - int(parts["t"])) > tolerance_seconds:
        return False
    return hmac.compare_digest(signature(secret, body, int(parts["t"])), header)
