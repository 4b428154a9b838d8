"""What does it take to replace each kind of credential?

One class per kind, each with the four verbs of `rotate.Credential`. What a path is follows from where it lies:
`fleet/broker/...` is a broker user, `fleet/gateway/...` an API key, `fleet/database/...` a database login, `fleet/signing`
the signing key, `agents/.../llm` a provider's key. Anything else is replaced by random text, and only when asked for by name.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import httpx
from pydantic import SecretStr

from fleet.errors import ConfigurationError, NotFound
from fleet.secrets import api_keys, signing_keys
from fleet.secrets.backend import SecretBackend
from fleet.secrets.database_login import DatabaseLogin
from fleet.secrets.errors import BackendUnavailable, SecretConflict, SecretMissing
from fleet.secrets.roles import Role
from fleet.secrets.rotate import Credential, Fields
from fleet.secrets.signing import Algorithm, Message, generate, sign, verify, verify_key
from fleet.store.client import Refused, accepts_login, available

if TYPE_CHECKING:
    import redis

RANDOM_BYTES = 32
REFUSED = (401, 403)


def random_text() -> SecretStr:
    """Return 43 characters from 256 random bits."""
    return SecretStr(secrets.token_urlsafe(RANDOM_BYTES))


@dataclass(frozen=True, slots=True)
class RandomText:
    """A value only the fleet itself compares: every field becomes new random text."""

    kind: str = "random"

    def generate(self, current: Fields) -> Fields:
        return {name: random_text() for name in current or ("value",)}

    def admit(self, new: Fields) -> None: ...

    def verify(self, new: Fields) -> str | None:
        short = sorted(name for name, value in new.items() if len(value.get_secret_value()) < RANDOM_BYTES)
        return f"fields {', '.join(short)} are shorter than {RANDOM_BYTES} characters" if short else None

    def revoke(self, old: Fields) -> None: ...


@dataclass(frozen=True, slots=True)
class LlmKey:
    """A provider's key: made and withdrawn at the provider, tried here by listing its models."""

    base_url: str
    supplied: SecretStr | None = None
    kind: str = "llm"

    def generate(self, current: Fields) -> Fields:
        if self.supplied is None:
            raise ConfigurationError(
                "provider keys are made at the provider: pass the new one to `fleet secrets rotate PATH --value-stdin`"
            )
        return {**current, "api_key": self.supplied}

    def admit(self, new: Fields) -> None: ...

    def verify(self, new: Fields) -> str | None:
        key = new["api_key"].get_secret_value()
        base = new["base_url"].get_secret_value() if "base_url" in new else self.base_url
        headers = {"authorization": f"Bearer {key}", "x-api-key": key, "anthropic-version": "2023-06-01"}
        try:
            answer = httpx.get(f"{base.rstrip('/')}/models", headers=headers, timeout=10)
        except httpx.HTTPError as error:
            raise BackendUnavailable(f"the provider at {base} does not answer ({type(error).__name__})") from None
        if answer.status_code in REFUSED:
            return f"the provider refused the new key ({answer.status_code})"
        if answer.is_error:
            raise BackendUnavailable(f"the provider at {base} answered {answer.status_code}: the rotation waits")
        return None

    def revoke(self, old: Fields) -> None: ...


@dataclass(frozen=True, slots=True)
class BrokerUser:
    """A broker user's password; Redis accepts several per user."""

    client: redis.Redis
    kind: str = "broker"

    def generate(self, current: Fields) -> Fields:
        if "username" not in current:
            raise ConfigurationError("a broker credential needs the field `username`: write it with `fleet broker acl`")
        return {**current, "password": random_text()}

    def admit(self, new: Fields) -> None:
        name, password = _login(new)
        accepted = self._accepted(name)
        if accepted is None:
            raise NotFound(f"the broker has no user {name!r}: create it with `fleet broker acl --apply`")
        if _digest(password) not in accepted:
            self._change(name, "#" + _digest(password))

    def verify(self, new: Fields) -> str | None:
        name, password = _login(new)
        return None if accepts_login(self.client, name, password) else f"the broker refuses user {name!r}"

    def revoke(self, old: Fields) -> None:
        name, password = _login(old)
        if _digest(password) in (self._accepted(name) or ()):
            self._change(name, "!" + _digest(password))

    def _accepted(self, name: str) -> Collection[str] | None:
        """Return the digests of a user's passwords; None when there is no such user."""
        with available():
            user = cast(Mapping[str, Collection[str]] | None, self.client.acl_getuser(name))
        return None if user is None else user["passwords"]

    def _change(self, name: str, rule: str) -> None:
        """Apply a rule; passwords travel as digests only."""
        with available():
            self.client.execute_command("ACL SETUSER", name, rule)  # type: ignore[no-untyped-call]
        keep_users(self.client)


def keep_users(client: redis.Redis) -> bool:
    """Write the broker's users to its ACL file, so that they survive a restart; says whether it has one."""
    with available():
        try:
            client.acl_save()
        except Refused as error:
            if "ACL file" not in str(error):
                raise
            return False
    return True


@dataclass(frozen=True, slots=True)
class GatewayKey:
    """An API key that some program of ours uses; the successor gets the same tenant and role."""

    client: redis.Redis
    cell: str
    days: float = 365.0
    kind: str = "gateway"

    def generate(self, current: Fields) -> Fields:
        kept = {name: value for name, value in current.items() if name in ("name", "tenant", "role")}
        defaults = {"name": SecretStr("rotated"), "tenant": SecretStr("default"), "role": SecretStr(Role.VIEWER)}
        return {**defaults, **kept, "key": api_keys.generate()}

    def admit(self, new: Fields) -> None:
        plain = _plain(new)
        api_keys.admit(
            self.client,
            self.cell,
            new["key"],
            name=plain["name"],
            tenant=plain["tenant"],
            role=Role(plain["role"]),
            days=self.days,
        )

    def verify(self, new: Fields) -> str | None:
        found = api_keys.authenticate(self.client, self.cell, new["key"].get_secret_value())
        return found.reason if isinstance(found, api_keys.Refusal) else None

    def revoke(self, old: Fields) -> None:
        shape = api_keys.SHAPE.fullmatch(old["key"].get_secret_value())
        if shape and api_keys.find(self.client, self.cell, shape[1]):
            api_keys.revoke(self.client, self.cell, shape[1])


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The key task messages are signed with; verifiers accept the new one before anybody signs with it."""

    backend: SecretBackend
    verifying: str = signing_keys.VERIFYING
    kind: str = "signing"
    holder: str = ""
    """The agent type whose workers sign with it; empty: producers."""

    def generate(self, current: Fields) -> Fields:
        algorithm = current["algorithm"].get_secret_value() if "algorithm" in current else "ed25519"
        chosen: Algorithm = "hmac-sha256" if algorithm == "hmac-sha256" else "ed25519"
        return signing_keys.signing_fields(generate(chosen, self.holder))

    def admit(self, new: Fields) -> None:
        public = verify_key(signing_keys.signing_key(new))
        self._accepted(add={public.id: signing_keys.verify_field(public)})

    def verify(self, new: Fields) -> str | None:
        message = Message("rotation", "rotation", secrets.token_bytes(32))
        accepted = signing_keys.verify_keys(self.backend.read(self.verifying))
        verdict = verify(accepted, sign(signing_keys.signing_key(new), message), message)
        return None if verdict.genuine else verdict.reason

    def revoke(self, old: Fields) -> None:
        self._accepted(remove=old["id"].get_secret_value())

    def _accepted(self, add: Fields | None = None, remove: str = "") -> None:
        while True:
            try:
                stored = self.backend.read(self.verifying)
                fields, version = dict(stored.fields), stored.version
            except SecretMissing:
                known = self.backend.versions(self.verifying)
                fields, version = {}, known[-1].number if known else 0
            wanted = {**{name: value for name, value in fields.items() if name != remove}, **(add or {})}
            if wanted == fields:
                return
            try:
                self.backend.write(self.verifying, wanted, expected_version=version)
            except SecretConflict:
                continue
            return


def kind_of(path: str) -> str | None:
    """Return the kind a path's credential is; None when it does not say."""
    match path.split("/"):
        case ["fleet", "broker", _]:
            return "broker"
        case ["fleet", "gateway", _]:
            return "gateway"
        case ["fleet", "database", _]:
            return "dynamic"
        case ["fleet", "signing"] | ["agents", _, "signing"]:
            return "signing"
        case ["agents", _, "llm" | "llm_api_key"]:
            return "llm"
        case _:
            return None


def credential(
    kind: str,
    *,
    backend: SecretBackend,
    client: redis.Redis,
    cell: str,
    llm_base_url: str = "",
    supplied: SecretStr | None = None,
    holder: str = "",
) -> Credential:
    """Return the credential of a kind; `holder` is the agent type it belongs to, if it is one's own."""
    kinds: Mapping[str, Credential] = {
        "broker": BrokerUser(client),
        "gateway": GatewayKey(client, cell),
        "signing": SigningKeys(backend, holder=holder),
        "dynamic": DatabaseLogin(backend),
        "llm": LlmKey(llm_base_url, supplied),
        "random": RandomText(),
    }
    if kind not in kinds:
        raise ConfigurationError(f"credentials of kind {kind!r} cannot be rotated; known: {', '.join(kinds)}")
    return kinds[kind]


def _plain(fields: Fields) -> dict[str, str]:
    return {name: value.get_secret_value() for name, value in fields.items()}


def _login(fields: Fields) -> tuple[str, str]:
    return fields["username"].get_secret_value(), fields["password"].get_secret_value()


def _digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()
