"""Which credential did this request bring, and does it open the door?

A bearer token is an API key or a JWT; behind a mesh that sets and strips the header, the client certificate's identity
counts. An API key that was just found valid is believed for a second, so that a busy producer costs no look-up each
time; a revoked key is forgotten as soon as that is told (`revocations.py`).
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Mapping

from fleet.clock import SYSTEM, Clock
from fleet.gateway.identity import ALL_TENANTS, Identity, Refused
from fleet.gateway.oidc import Oidc
from fleet.secrets import api_keys
from fleet.secrets.roles import Role
from fleet.settings import GatewaySettings
from fleet.store.client import Client

BELIEVED_SECONDS = 1.0
MOST_BELIEVED = 10_000
NEWS_SECONDS = 3600.0
MESH_HEADER = "x-forwarded-client-cert"
MESH_PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^;,]*)')
MESH_ROLE = re.compile(r"spiffe://[^/]+/ns/(?P<namespace>[a-z0-9-]+)/sa/fleet-(?P<role>viewer|producer|operator)")


class Door:
    """Turns a request's headers into an identity; thread-safe."""

    def __init__(self, client: Client, cell: str, chosen: GatewaySettings, clock: Clock = SYSTEM) -> None:
        self._client, self._cell, self._clock = client, cell, clock
        self._oidc = Oidc(chosen, clock) if chosen.oidc_issuer else None
        self._mesh = chosen.trust_mesh_identity
        self._lock = threading.Lock()
        self._believed: dict[bytes, tuple[float, Identity]] = {}
        self._seen: dict[Identity, float] = {}
        self._forgot = 0

    def close(self) -> None:
        if self._oidc is not None:
            self._oidc.close()

    def recall(self, headers: Mapping[str, str]) -> Identity | None:
        """Return who was let in with the same API key a moment ago; never waits."""
        believed = self._believed.get(_digest(headers.get("authorization", "").partition(" ")[2].strip()))
        return believed[1] if believed is not None and self._clock.monotonic() < believed[0] else None

    def identify(self, headers: Mapping[str, str]) -> Identity | Refused:
        """Return who is asking, or why nobody is."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() == "bearer" and token:
            if api_keys.SHAPE.fullmatch(token):
                return self._by_key(token)
            if self._oidc is not None:
                return self._oidc.judge(token)
            return Refused("this is not an API key of this fleet")
        if self._mesh and MESH_HEADER in headers:
            return by_certificate(headers[MESH_HEADER])
        return Refused("no credential: send `Authorization: Bearer <API key or JWT>`")

    def forget(self, key_id: str | None = None) -> None:
        """Believe an API key, or all of them, only after another look."""
        how = by_key(key_id) if key_id else None
        with self._lock:
            self._forgot += 1
            for token in [token for token, (_, known) in self._believed.items() if how in (None, known.how)]:
                del self._believed[token]

    def is_news(self, identity: Identity) -> bool:
        """Return whether this caller was not let in here within the last hour: that is worth an audit entry."""
        now = self._clock.monotonic()
        with self._lock:
            if now < self._seen.get(identity, float("-inf")) + NEWS_SECONDS:
                return False
            if len(self._seen) >= MOST_BELIEVED:
                self._seen.clear()
            self._seen[identity] = now
            return True

    def _by_key(self, token: str) -> Identity | Refused:
        now, forgot = self._clock.monotonic(), self._forgot
        found = api_keys.authenticate(self._client, self._cell, token, self._clock)
        if isinstance(found, api_keys.Refusal):
            return Refused(found.reason)
        identity = Identity(found.name, found.tenant, found.role, by_key(found.id))
        until = min(now + BELIEVED_SECONDS, now + found.expires_at - self._clock.now())
        with self._lock:
            if len(self._believed) >= MOST_BELIEVED:
                self._believed.clear()
            if forgot == self._forgot:  # else it may be the one that was just revoked
                self._believed[_digest(token)] = (until, identity)
        return identity


def by_key(key_id: str) -> str:
    """Say how somebody came in whose credential was an API key."""
    return f"api key {key_id}"


def by_certificate(header: str) -> Identity | Refused:
    """Return whom the mesh verified; the last element is the one our own proxy added."""
    uris = [value for name, value in MESH_PAIR.findall(header) if name == "URI"]
    match = MESH_ROLE.fullmatch(uris[-1]) if uris else None
    if match is None:
        return Refused(
            "the mesh identity has no role: use a service account fleet-viewer, fleet-producer or fleet-operator"
        )
    tenant = ALL_TENANTS if match["role"] == "operator" else match["namespace"]
    return Identity(f"{match['namespace']}/fleet-{match['role']}", tenant, Role(match["role"]), "mesh")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
