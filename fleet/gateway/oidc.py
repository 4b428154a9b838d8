"""Is this JWT one that our identity provider issued for us, and what may its bearer do?

Signature by the issuer's published keys, algorithm pinned to asymmetric ones, issuer, audience, expiry and issue time
required. The role is the highest of the token's `roles` that we know; without one there is no access.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import httpx
import jwt

from fleet.clock import SYSTEM, Clock
from fleet.errors import FleetError
from fleet.gateway.identity import Identity, Refused
from fleet.secrets.roles import Role
from fleet.settings import GatewaySettings

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
KEYS_FRESH_SECONDS = 300.0
UNKNOWN_KEY_PAUSE_SECONDS = 10.0
LEEWAY_SECONDS = 30


class IssuerUnavailable(FleetError):
    """The identity provider does not answer, so no token can be judged."""


class Oidc:
    """Judges tokens of one issuer; keeps its public keys for a while."""

    def __init__(self, chosen: GatewaySettings, clock: Clock = SYSTEM, client: httpx.Client | None = None) -> None:
        self._issuer, self._audience = chosen.oidc_issuer, chosen.oidc_audience
        self._jwks_url, self._clock = chosen.oidc_jwks_url, clock
        self._client = client or httpx.Client(timeout=5.0, follow_redirects=False)
        self._lock = threading.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")

    def close(self) -> None:
        self._client.close()

    def judge(self, token: str) -> Identity | Refused:
        """Return who bears the token, or why it is not accepted."""
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            return Refused("the token is not a JWT")
        if header.get("alg") not in ALGORITHMS:
            return Refused("the token's algorithm is not accepted")
        key = self._key(str(header.get("kid", "")))
        if key is None:
            return Refused("the token is signed with a key the issuer does not publish")
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name] if key.algorithm_name in ALGORITHMS else [],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except jwt.InvalidTokenError as error:
            return Refused(f"the token is not valid: {type(error).__name__}")
        return _identity(claims)

    def _key(self, key_id: str) -> jwt.PyJWK | None:
        with self._lock:
            age = self._clock.monotonic() - self._fetched_at
            missing = key_id not in self._keys
            if age >= KEYS_FRESH_SECONDS or (missing and age >= UNKNOWN_KEY_PAUSE_SECONDS):
                self._keys = self._fetch()
                self._fetched_at = self._clock.monotonic()
            return self._keys.get(key_id)

    def _fetch(self) -> dict[str, jwt.PyJWK]:
        try:
            url = (
                self._jwks_url or self._get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")["jwks_uri"]
            )
            published = self._get(str(url))["keys"]
        except (httpx.HTTPError, KeyError, TypeError, ValueError) as error:
            raise IssuerUnavailable(
                f"the keys of {self._issuer} cannot be read ({type(error).__name__}): "
                "check settings.gateway.oidc_issuer and oidc_jwks_url"
            ) from error
        return {key.key_id: key for key in _usable(published) if key.key_id}

    def _get(self, url: str) -> dict[str, Any]:
        answer = self._client.get(url)
        answer.raise_for_status()
        document = answer.json()
        if not isinstance(document, dict):
            raise ValueError("not a JSON object")
        return document


def _usable(published: Iterable[dict[str, Any]]) -> Iterable[jwt.PyJWK]:
    for entry in published:
        try:
            yield jwt.PyJWK.from_dict(entry)
        except jwt.PyJWTError:
            continue  # a kind of key we do not know must not lock out the others


def _identity(claims: dict[str, Any]) -> Identity | Refused:
    given = claims.get("roles", [])
    known = [role for role in Role if isinstance(given, list) and role.value in given]
    if not known:
        return Refused("the token grants no role of this fleet: map `roles` to viewer, producer, operator or admin")
    return Identity(str(claims["sub"]), str(claims.get("tenant", "default")), known[-1], "oidc")
