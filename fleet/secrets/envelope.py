"""How is data encrypted so that its key is never beside it?

Envelope encryption with the transit engine: a fresh data key per document encrypts it here (AES-256-GCM, the document's
name authenticated with it); the data key is kept wrapped by a key that only the server has. Rewrapping follows a
rotation of the server's key without touching the data.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hvac import exceptions as refused

from fleet.secrets.errors import AccessDenied, BackendUnavailable, CannotDecrypt
from fleet.secrets.vault_login import VaultSession

FLEET_KEY = "fleet"
SHARED_KEY = "fleet-shared"


@dataclass(frozen=True, slots=True)
class Sealed:
    """Ciphertext with its wrapped key; worthless without the server."""

    key: str
    wrapped: str
    nonce: bytes
    data: bytes

    def as_json(self) -> dict[str, str]:
        return {
            "key": self.key,
            "wrapped": self.wrapped,
            "nonce": base64.b64encode(self.nonce).decode(),
            "data": base64.b64encode(self.data).decode(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, str]) -> Sealed:
        nonce, data = base64.b64decode(document["nonce"]), base64.b64decode(document["data"])
        return cls(document["key"], document["wrapped"], nonce, data)


def key_for(path: str) -> str:
    """Name the transit key of a path: one per agent type and program, one for what all may read, one for the rest."""
    match path.split("/"):
        case ["agents", agent_type, _, *_]:
            return f"agent-{agent_type}"
        case ["fleet", "broker", component]:
            return f"fleet-{component}"
        case ["shared", _, *_]:
            return SHARED_KEY
        case _:
            return FLEET_KEY


class Envelope:
    """Seals and opens documents with data keys the transit engine wraps."""

    def __init__(self, session: VaultSession, mount: str = "transit") -> None:
        self._session, self._mount = session, mount

    def seal(self, path: str, plain: bytes) -> Sealed:
        """Encrypt a document under a data key of its own."""
        key = key_for(path)
        try:
            made = self._session.call(
                lambda vault: vault.secrets.transit.generate_data_key(key, "plaintext", mount_point=self._mount)
            )["data"]
        except (refused.InvalidRequest, refused.InvalidPath):
            raise BackendUnavailable(
                f"transit key {key!r} does not exist: run `fleet secrets policy --apply`"
            ) from None
        except refused.Forbidden:
            raise AccessDenied("seal", path) from None
        nonce = os.urandom(12)
        data = AESGCM(base64.b64decode(made["plaintext"])).encrypt(nonce, plain, path.encode())
        return Sealed(key, made["ciphertext"], nonce, data)

    def open(self, path: str, sealed: Sealed) -> bytes:
        """Decrypt a document; one moved to another path does not open."""
        try:
            answer = self._session.call(
                lambda vault: vault.secrets.transit.decrypt_data(sealed.key, sealed.wrapped, mount_point=self._mount)
            )
            data_key = AESGCM(base64.b64decode(answer["data"]["plaintext"]))
            return data_key.decrypt(sealed.nonce, sealed.data, path.encode())
        except refused.Forbidden:
            raise AccessDenied("open", path) from None
        except (InvalidTag, refused.InvalidRequest, refused.InvalidPath):
            raise CannotDecrypt(
                f"the envelope of {path!r} does not open: it was changed or moved, or its transit key is gone"
            ) from None

    def rewrap(self, sealed: Sealed) -> Sealed:
        """Return the same document with its data key wrapped by the newest version of the server's key."""
        answer = self._session.call(
            lambda vault: vault.secrets.transit.rewrap_data(sealed.key, sealed.wrapped, mount_point=self._mount)
        )
        return replace(sealed, wrapped=answer["data"]["ciphertext"])
