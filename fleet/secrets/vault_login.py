"""How does the fleet prove to Vault or OpenBao who it is, and stay logged in?

A token is renewed once two thirds of its life have passed; one that cannot be renewed is replaced by a new login. A
refusal with a dead token (revoked, server restored) leads to one new login and one second try.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, assert_never

import hvac
import requests
from hvac import exceptions as refused
from pydantic import SecretStr

from fleet.clock import SYSTEM, Clock
from fleet.secrets.errors import BackendUnavailable, LoginFailed

SERVICE_ACCOUNT_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
RENEW_AFTER = 2 / 3
AWAY = (refused.VaultDown, refused.BadGateway, refused.InternalServerError, refused.VaultNotInitialized)
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class TokenLogin:
    token: SecretStr


@dataclass(frozen=True, slots=True)
class AppRoleLogin:
    role_id: str
    secret_id: SecretStr
    mount: str = "approle"


@dataclass(frozen=True, slots=True)
class KubernetesLogin:
    role: str
    token_file: Path = SERVICE_ACCOUNT_TOKEN
    mount: str = "kubernetes"


@dataclass(frozen=True, slots=True)
class JwtLogin:
    role: str
    token: SecretStr | Path
    mount: str = "jwt"


Login = TokenLogin | AppRoleLogin | KubernetesLogin | JwtLogin


@dataclass(frozen=True, slots=True)
class Token:
    """A login's result: how long it lives and whether that can be prolonged."""

    obtained_at: float
    duration_seconds: float
    renewable: bool


def due(token: Token, now: float) -> Literal["keep", "renew", "login"]:
    """Decide what a token needs; a duration of 0 never ends."""
    if token.duration_seconds <= 0:
        return "keep"
    age = now - token.obtained_at
    if age >= token.duration_seconds:
        return "login"
    if age >= token.duration_seconds * RENEW_AFTER:
        return "renew" if token.renewable else "login"
    return "keep"


class VaultSession:
    """A client that is logged in whenever it is used; thread-safe, and its own after a fork."""

    def __init__(
        self,
        url: str,
        login: Login,
        *,
        namespace: str = "",
        clock: Clock = SYSTEM,
        timeout_seconds: float = 5.0,
        verify: bool | str = True,
    ) -> None:
        self.url, self._login, self._namespace = url, login, namespace
        self._clock, self._timeout, self._verify = clock, timeout_seconds, verify
        self._lock = threading.Lock()
        self._client: hvac.Client | None = None
        self._token: Token | None = None
        self._process = os.getpid()

    def call(self, operation: Callable[[Any], Answer]) -> Answer:
        """Run an operation with a logged-in client."""
        client = self._ready()
        try:
            return operation(client)
        except refused.Forbidden:
            if self._token_lives(client):
                raise
            return operation(self._ready(again=client))
        except (*AWAY, requests.ConnectionError, requests.Timeout) as error:
            raise self._unavailable(error) from error

    def _ready(self, again: Any = None) -> Any:
        with self._lock:
            if self._client is None or self._token is None or os.getpid() != self._process or again is self._client:
                return self._log_in()
            match due(self._token, self._clock.monotonic()):
                case "keep":
                    return self._client
                case "renew":
                    return self._renew(self._client)
                case "login":
                    return self._log_in()
                case never:
                    assert_never(never)

    def _log_in(self) -> Any:
        client = hvac.Client(
            url=self.url, token="", namespace=self._namespace or None, timeout=self._timeout, verify=self._verify
        )
        try:
            answer = _authenticate(client, self._login)
        except (refused.Forbidden, refused.InvalidRequest, refused.Unauthorized) as error:
            raise LoginFailed(
                f"{self.url} refused our {type(self._login).__name__.removesuffix('Login')} login "
                f"({type(error).__name__}): check settings.secrets.vault_role and vault_credential"
            ) from None
        except (requests.ConnectionError, requests.Timeout, refused.VaultError) as error:
            raise self._unavailable(error) from error
        duration, renewable = float(answer["lease_duration"]), bool(answer["renewable"])
        self._client, self._process = client, os.getpid()
        self._token = Token(self._clock.monotonic(), duration, renewable)
        return client

    def _renew(self, client: Any) -> Any:
        assert self._token is not None
        try:
            answer = client.auth.token.renew_self()["auth"]
        except (refused.VaultError, requests.RequestException):
            return self._log_in()
        duration = float(answer["lease_duration"])
        if duration < self._token.duration_seconds / 2:
            return self._log_in()  # the token nears its maximum life: renewing again only delays the end
        self._token = Token(self._clock.monotonic(), duration, bool(answer["renewable"]))
        return client

    def _token_lives(self, client: Any) -> bool:
        try:
            client.auth.token.lookup_self()
        except refused.VaultError:
            return False
        return True

    def _unavailable(self, error: Exception) -> BackendUnavailable:
        return BackendUnavailable(
            f"Vault at {self.url} does not answer ({type(error).__name__}): "
            "check that it runs and is unsealed, and settings.secrets.vault_url"
        )


def _authenticate(client: Any, login: Login) -> dict[str, Any]:
    """Log in and return the token's `lease_duration` and `renewable`."""
    match login:
        case TokenLogin(token):
            client.token = token.get_secret_value()
            known = client.auth.token.lookup_self()["data"]
            return {"lease_duration": known["ttl"], "renewable": known.get("renewable", False)}
        case AppRoleLogin(role_id, secret_id, mount):
            answer = client.auth.approle.login(role_id, secret_id.get_secret_value(), mount_point=mount)
        case KubernetesLogin(role, token_file, mount):
            answer = client.auth.kubernetes.login(role, token_file.read_text().strip(), mount_point=mount)
        case JwtLogin(role, token, mount):
            text = token.read_text().strip() if isinstance(token, Path) else token.get_secret_value()
            answer = client.auth.jwt.jwt_login(role, text, path=mount)
            client.token = answer["auth"]["client_token"]
        case never:
            assert_never(never)
    auth: dict[str, Any] = answer["auth"]
    return auth
