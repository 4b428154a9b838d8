"""Is a JWT accepted exactly when our issuer signed it for us, now, with a pinned algorithm and a role we know?"""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pytest_httpserver import HTTPServer

from fleet.clock import ManualClock
from fleet.gateway.identity import Identity, Refused
from fleet.gateway.oidc import Oidc
from fleet.secrets.roles import Role
from fleet.settings import GatewaySettings

OURS = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NEXT = ec.generate_private_key(ec.SECP256R1())
THEIRS = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Issuer:
    """An identity provider that publishes its keys."""

    def __init__(self, server: HTTPServer) -> None:
        self.url, self.server, self.fetches = server.url_for("").rstrip("/"), server, 0
        self.keys = [self.published("one", OURS)]
        server.expect_request("/.well-known/openid-configuration").respond_with_json({"jwks_uri": f"{self.url}/keys"})
        server.expect_request("/keys").respond_with_handler(self.answer)

    def answer(self, _request: Any) -> Any:
        from werkzeug import Response

        self.fetches += 1
        return Response(json.dumps({"keys": [{"kty": "from the future", "kid": "x"}, *self.keys]}))

    @staticmethod
    def published(key_id: str, key: Any) -> dict[str, Any]:
        algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
        name = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "alg": name, "use": "sig"}

    def token(self, key: Any = OURS, key_id: str = "one", algorithm: str = "RS256", **changed: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": "agent-fleet",
            "sub": "ada",
            "iat": now,
            "exp": now + 600,
            "roles": ["viewer", "operator", "something-else"],
            "tenant": "acme",
            **changed,
        }
        present = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(present, key, algorithm=algorithm, headers={"kid": key_id})


@pytest.fixture
def issuer(httpserver: HTTPServer) -> Issuer:
    return Issuer(httpserver)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def oidc(issuer: Issuer, clock: ManualClock) -> Iterator[Oidc]:
    subject = Oidc(GatewaySettings(oidc_issuer=issuer.url), clock)
    yield subject
    subject.close()


def test_a_good_token_gives_the_highest_known_role(oidc: Oidc, issuer: Issuer) -> None:
    assert oidc.judge(issuer.token()) == Identity("ada", "acme", Role.OPERATOR, "oidc")


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "another-service"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"nbf": 4_000_000_000},
        {"iat": None},
        {"sub": None},
        {"roles": []},
        {"roles": "admin"},
        {"roles": ["root"]},
        {"roles": None},
        {"key": THEIRS},
        {"key_id": "unknown"},
        {"key": "x" * 64, "algorithm": "HS256"},
    ],
)
def test_any_other_token_is_refused_with_a_reason(oidc: Oidc, issuer: Issuer, changed: dict[str, Any]) -> None:
    verdict = oidc.judge(issuer.token(**changed))
    assert isinstance(verdict, Refused)
    assert verdict.reason


def test_an_unsigned_token_and_one_signed_with_the_public_key_as_secret_are_refused(oidc: Oidc, issuer: Issuer) -> None:
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    unsigned = jwt.encode(claims, None, algorithm="none", headers={"kid": "one"})  # type: ignore[arg-type]
    assert isinstance(oidc.judge(unsigned), Refused)
    public = OURS.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "one"}, claims)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    mac = base64.urlsafe_b64encode(hmac.digest(public, signed, "sha256")).rstrip(b"=")
    assert isinstance(oidc.judge((signed + b"." + mac).decode()), Refused)


def test_a_rotated_issuer_key_is_found_and_unknown_ones_cannot_make_us_ask_all_the_time(
    oidc: Oidc, issuer: Issuer, clock: ManualClock
) -> None:
    oidc.judge(issuer.token())
    issuer.keys = [issuer.published("one", OURS), issuer.published("two", NEXT)]
    fresh = issuer.token(NEXT, "two", "ES256")
    assert isinstance(oidc.judge(fresh), Refused), "asked a moment ago"
    clock.advance(11)
    assert isinstance(oidc.judge(fresh), Identity)
    fetches = issuer.fetches
    for number in range(50):
        oidc.judge(issuer.token(THEIRS, f"unknown-{number}"))
    assert issuer.fetches == fetches


def test_a_withdrawn_issuer_key_stops_working(oidc: Oidc, issuer: Issuer, clock: ManualClock) -> None:
    assert isinstance(oidc.judge(issuer.token()), Identity)
    issuer.keys = [issuer.published("two", NEXT)]
    clock.advance(301)
    assert isinstance(oidc.judge(issuer.token()), Refused)
