"""Where do this process's signing and verifying keys come from?

The signing key is one secret (producers and the gateway may read it), the accepted verifying keys another (everybody
may read it), so that a rotation can accept two while it switches. An agent type whose workers publish has a key of its
own, which only they may read and which is good for what the catalogue lets them send.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import cast

from pydantic import SecretStr

from fleet.errors import ConfigurationError
from fleet.secrets.backend import Secret, agent_path
from fleet.secrets.resolve import Resolver
from fleet.secrets.signing import Algorithm, Message, SigningKey, Verdict, VerifyKey, sign, verify

SIGNING = "fleet/signing"
VERIFYING = "shared/verify_keys"


def signing_fields(key: SigningKey) -> dict[str, SecretStr]:
    return {
        "id": SecretStr(key.id),
        "algorithm": SecretStr(key.algorithm),
        "key": SecretStr(base64.b64encode(key.secret).decode()),
    }


def signing_key(fields: Mapping[str, SecretStr]) -> SigningKey:
    plain = {name: value.get_secret_value() for name, value in fields.items()}
    return SigningKey(plain["id"], _algorithm(plain["algorithm"]), base64.b64decode(plain["key"]))


def verify_field(key: VerifyKey) -> SecretStr:
    return SecretStr(f"{key.algorithm}:{base64.b64encode(key.value).decode()}")


def verify_keys(secret: Secret) -> dict[str, VerifyKey]:
    """Return the accepted keys by id."""
    accepted = {}
    for key_id, value in secret.fields.items():
        algorithm, _, encoded = value.get_secret_value().partition(":")
        accepted[key_id] = VerifyKey(key_id, _algorithm(algorithm), base64.b64decode(encoded))
    return accepted


def agents_own(agent_type: str) -> str:
    """Return where the key of an agent type's workers is."""
    return agent_path(agent_type, "signing")


def sign_message(resolver: Resolver, message: Message, path: str = SIGNING) -> str:
    """Sign with the key that is active now."""
    return sign(signing_key(resolver.secret(path).fields), message)


def verify_message(resolver: Resolver, signature: str | None, message: Message) -> Verdict:
    """Judge a message by the keys that are accepted now."""
    return verify(verify_keys(resolver.secret(VERIFYING)), signature, message)


def _algorithm(text: str) -> Algorithm:
    if text not in ("ed25519", "hmac-sha256"):
        raise ConfigurationError(f"signing algorithm {text!r} is unknown: use ed25519 or hmac-sha256")
    return cast(Algorithm, text)
