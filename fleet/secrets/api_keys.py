"""Which API keys open the gateway?

A key is `fleet_<id>_<secret>`: the id finds its record, the secret (256 random bits) is kept as a SHA-256 digest only.
That is enough for a value nobody can guess; a slow hash is for what people invent. Every key belongs to one tenant,
has one role and ends.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pydantic import SecretStr

from fleet.clock import SYSTEM, Clock, utc
from fleet.errors import NotFound
from fleet.secrets.roles import Role
from fleet.store import keys
from fleet.store.client import available
from fleet.store.lease import singleton

if TYPE_CHECKING:
    import redis

DAY = 86_400.0
SHAPE = re.compile(r"fleet_([0-9a-f]{12})_([0-9a-f]{64})")
REMEMBERED_DAYS = 30
"""How long an ended key is still known, so that its bearer learns that it ended."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key; not the key."""

    id: str
    name: str
    tenant: str
    role: Role
    created_at: float
    expires_at: float
    digest: str

    def as_fields(self) -> Mapping[Any, str | float]:
        return {
            "name": self.name,
            "tenant": self.tenant,
            "role": self.role.value,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "digest": self.digest,
        }


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a key opens nothing."""

    reason: str


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def generate() -> SecretStr:
    """Return a new key's text; nothing knows it yet."""
    return SecretStr(f"fleet_{secrets.token_hex(6)}_{secrets.token_hex(32)}")


def admit(
    client: redis.Redis,
    cell: str,
    text: SecretStr,
    *,
    name: str,
    tenant: str,
    role: Role,
    days: float,
    clock: Clock = SYSTEM,
) -> ApiKey:
    """Make a generated key valid; repeating changes nothing but its end."""
    shape = SHAPE.fullmatch(text.get_secret_value())
    assert shape is not None, "only generated keys are admitted"
    now = clock.now()
    key = ApiKey(shape[1], name, tenant, role, now, now + days * DAY, digest(shape[2]))
    with available(), client.pipeline(transaction=True) as both:
        both.hset(keys.api_key(cell, key.id), mapping=key.as_fields())
        both.pexpireat(keys.api_key(cell, key.id), int((key.expires_at + REMEMBERED_DAYS * DAY) * 1000))
        both.sadd(keys.api_keys(cell), key.id)
        both.execute()
    return key


def authenticate(client: redis.Redis, cell: str, text: str, clock: Clock = SYSTEM) -> ApiKey | Refusal:
    """Return the key's record, or why the text opens nothing; takes the same time whichever part is wrong."""
    shape = SHAPE.fullmatch(text)
    if shape is None:
        return Refusal("this is not an API key of this fleet")
    key = find(client, cell, shape[1])
    fits = hmac.compare_digest(digest(shape[2]), key.digest if key else digest("nobody"))
    if key is None or not fits:
        return Refusal("the API key is unknown or was revoked")
    if clock.now() >= key.expires_at:
        return Refusal(f"the API key ended at {utc(key.expires_at):%Y-%m-%d %H:%M} UTC")
    return key


def find(client: redis.Redis, cell: str, key_id: str) -> ApiKey | None:
    with available():
        fields = cast(dict[str, str], client.hgetall(keys.api_key(cell, key_id)))
    if not fields:
        return None
    return ApiKey(
        key_id,
        fields["name"],
        fields["tenant"],
        Role(fields["role"]),
        float(fields["created_at"]),
        float(fields["expires_at"]),
        fields["digest"],
    )


def every(client: redis.Redis, cell: str) -> Iterator[ApiKey]:
    """Yield the known keys, oldest first; forget ids whose record is gone."""
    with available():
        ids = cast(set[str], client.smembers(keys.api_keys(cell)))
    found = {key_id: find(client, cell, key_id) for key_id in ids}
    gone = [key_id for key_id, key in found.items() if key is None]
    if gone:
        with available():
            client.srem(keys.api_keys(cell), *gone)
    yield from sorted((key for key in found.values() if key), key=lambda key: key.created_at)


def revoke(client: redis.Redis, cell: str, key_id: str) -> None:
    """Close a key at once; gateways that believe it are told."""
    with available(), client.pipeline(transaction=True) as both:
        both.delete(keys.api_key(cell, key_id))
        both.srem(keys.api_keys(cell), key_id)
        both.publish(keys.revoked_api_keys(cell), key_id)
        known, *_ = both.execute()
    if not known:
        raise NotFound(f"no API key has the id {key_id!r}: `fleet keys list` shows the known ones")


def first_admin(client: redis.Redis, cell: str, *, days: float = 1.0, clock: Clock = SYSTEM) -> SecretStr | None:
    """Make the one key a new fleet starts with; None when the fleet has, or just got, keys."""
    with singleton(client, f"{keys.prefix(cell)}lease:first_key", 10) as lease, available():
        if lease is None or client.scard(keys.api_keys(cell)):
            return None
        text = generate()
        admit(client, cell, text, name="first start", tenant="*", role=Role.ADMIN, days=days, clock=clock)
        return text
