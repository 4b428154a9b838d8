"""Who may run this job now?

A singleton lease: one holder at a time, renewed while it works, gone soon after it dies. The token fences: a holder that
slept past its lease learns so when it renews.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from fleet.store.client import available

_RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
_DROP = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Lease:
    """A lease somebody holds."""

    __slots__ = ("_client", "_key", "_milliseconds", "token")

    def __init__(self, client: redis.Redis, key: str, token: str, milliseconds: int) -> None:
        self._client, self._key, self.token, self._milliseconds = client, key, token, milliseconds

    def renew(self) -> bool:
        """Return whether the lease is still ours, and for its full time again."""
        with available():
            return bool(self._client.eval(_RENEW, 1, self._key, self.token, self._milliseconds))

    def drop(self) -> None:
        """Let the next one run at once."""
        with available():
            self._client.eval(_DROP, 1, self._key, self.token)


def take(client: redis.Redis, key: str, seconds: float) -> Lease | None:
    """Return the lease, or None while somebody else holds it."""
    token, milliseconds = secrets.token_hex(8), int(seconds * 1000)
    with available():
        won = client.set(key, token, nx=True, px=milliseconds)
    return Lease(client, key, token, milliseconds) if won else None


@contextmanager
def singleton(client: redis.Redis, key: str, seconds: float) -> Iterator[Lease | None]:
    """Hold the lease for the block, or yield None."""
    lease = take(client, key, seconds)
    try:
        yield lease
    finally:
        if lease is not None:
            lease.drop()
