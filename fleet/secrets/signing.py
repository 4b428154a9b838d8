"""Is this task message really from a producer of this fleet?

Pure. A signature covers the task's id, type, the headers that never change between attempts, and the body. The key's
own algorithm applies, never one the message names: Ed25519 (workers hold public keys only and cannot forge) or
HMAC-SHA256. During a rotation two keys are accepted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, assert_never

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Algorithm = Literal["ed25519", "hmac-sha256"]
HEADER = "fleet_signature"
"""The message header that carries the signature."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What a producer signs with."""

    id: str
    algorithm: Algorithm
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """What a worker verifies with; public for Ed25519."""

    id: str
    algorithm: Algorithm
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """What of a task message is signed."""

    task_id: str
    task_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def covered(self) -> bytes:
        """Return one unambiguous spelling: every part preceded by its length."""
        parts = [b"agent-fleet task 1", self.task_id.encode(), self.task_type.encode()]
        for name, value in sorted(self.headers.items()):
            parts += [name.encode(), value.encode()]
        parts.append(self.body)
        return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a message is genuine, and if not, why."""

    genuine: bool
    reason: str


def generate(algorithm: Algorithm = "ed25519", holder: str = "") -> SigningKey:
    """Return a new key with an id of its own, which names whose it is where it is an agent type's."""
    own = secrets.token_hex(6)
    return SigningKey(f"{holder}:{own}" if holder else own, algorithm, secrets.token_bytes(32))


def holder(signature: str) -> str:
    """Return the agent type whose workers' key made a signature; empty for a producer's."""
    name, is_an_agents, _ = signature.partition(".")[0].partition(":")
    return name if is_an_agents else ""


def verify_key(key: SigningKey) -> VerifyKey:
    """Return the half that verifies."""
    match key.algorithm:
        case "ed25519":
            public = Ed25519PrivateKey.from_private_bytes(key.secret).public_key().public_bytes_raw()
            return VerifyKey(key.id, key.algorithm, public)
        case "hmac-sha256":
            return VerifyKey(key.id, key.algorithm, key.secret)
        case never:
            assert_never(never)


def sign(key: SigningKey, message: Message) -> str:
    """Return the signature as the header carries it: `<key id>.<base64>`."""
    match key.algorithm:
        case "ed25519":
            raw = Ed25519PrivateKey.from_private_bytes(key.secret).sign(message.covered())
        case "hmac-sha256":
            raw = hmac.digest(key.secret, message.covered(), hashlib.sha256)
        case never:
            assert_never(never)
    return f"{key.id}.{base64.urlsafe_b64encode(raw).decode()}"


def verify(accepted: Mapping[str, VerifyKey], signature: str | None, message: Message) -> Verdict:
    """Judge a message by the accepted keys (key id -> key)."""
    if not signature:
        return Verdict(False, "the message is not signed")
    key_id, _, encoded = signature.partition(".")
    key = accepted.get(key_id)
    if key is None:
        return Verdict(False, "the message is signed with a key that is not accepted (any more)")
    try:
        raw = base64.b64decode(encoded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return Verdict(False, "the signature is malformed")
    if not _fits(key, raw, message.covered()):
        return Verdict(False, "the signature does not fit: the message was changed or belongs to another task")
    return Verdict(True, f"signed with {key_id}")


def _fits(key: VerifyKey, raw: bytes, covered: bytes) -> bool:
    match key.algorithm:
        case "ed25519":
            try:
                Ed25519PublicKey.from_public_bytes(key.value).verify(raw, covered)
            except InvalidSignature:
                return False
            return True
        case "hmac-sha256":
            return hmac.compare_digest(hmac.digest(key.value, covered, hashlib.sha256), raw)
        case never:
            assert_never(never)
