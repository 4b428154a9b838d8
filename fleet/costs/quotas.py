"""What does each provider allow the whole fleet per minute, and how much of it is in use?

The scripts read the table live: a change (`fleet cost controls set quota...`) acts on the next call of any worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from fleet.store import keys
from fleet.store.client import Client, available

SPAN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Quota:
    """Provider limits of one model (or of `*`, every model of the provider); 0 = no limit."""

    provider: str
    model: str
    requests_per_minute: int = 0
    tokens_per_minute: int = 0

    @property
    def name(self) -> str:
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """How much of a quota the last minute used, and until when (seconds, server time) it is closed; 0 = open."""

    quota: Quota
    requests: int
    tokens: int
    closed_until: float

    def as_dict(self) -> dict[str, Any]:
        return {
            "provider": self.quota.provider,
            "model": self.quota.model,
            "requests_per_minute": self.quota.requests_per_minute,
            "tokens_per_minute": self.quota.tokens_per_minute,
            "requests_used": self.requests,
            "tokens_used": self.tokens,
            "closed_until": self.closed_until,
        }


def quotas(client: Client, cell: str) -> list[Quota]:
    """Return every quota in force."""
    with available():
        rows = cast(Mapping[str, str], client.hgetall(f"{keys.prefix(cell)}quotas"))
    found = []
    for name, text in sorted(rows.items()):
        provider, _, model = name.partition("/")
        requests, tokens = text.split()
        found.append(Quota(provider, model, int(requests), int(tokens)))
    return found


def in_use(client: Client, cell: str) -> list[QuotaUse]:
    """Return the use of every quota over the last minute, to the second."""
    prefix, used = keys.prefix(cell), []
    with available():
        seconds, micros = client.time()
        closed = cast(Mapping[str, str], client.hgetall(f"{prefix}quota_closed"))
    now = seconds + micros / 1e6
    for quota in quotas(client, cell):
        until = int(closed.get(quota.name, 0)) / 1000
        requests, tokens = (
            _last_minute(client, f"{prefix}quota:{quota.name}:{kind}", now) for kind in ("requests", "tokens")
        )
        used.append(QuotaUse(quota, requests, tokens, until if until > now else 0.0))
    return used


def _last_minute(client: Client, key: str, now: float) -> int:
    with available():
        row = cast(Mapping[str, str], client.hgetall(key))
    first = int(now) - SPAN_SECONDS
    return sum(int(amount) for slice_, amount in row.items() if slice_.isdigit() and int(slice_) >= first)
