"""How does a laptop keep secrets without a server?

One encrypted file: AES-256-GCM under a key that scrypt derives from a passphrase, or that the operating system's
keyring holds. The key is never beside the data. Writers take a lock, check, and replace the file in one step.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import SecretStr

from fleet.clock import SYSTEM, Clock, utc
from fleet.errors import ConfigurationError
from fleet.secrets.backend import Secret, Version, checked
from fleet.secrets.errors import BackendUnavailable, CannotDecrypt, SecretConflict, SecretMissing

FORMAT = 1
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**15, 8, 1
LEAST_CHARACTERS = 12
KEYRING_SERVICE = "agent-fleet"

KeySource = Callable[[bytes], bytes]
"""From the file's salt to its 256-bit key."""


def passphrase_key(passphrase: SecretStr) -> KeySource:
    """Derive the key from a passphrase; about 0.1 s and 32 MiB, once per process and file."""
    if (length := len(passphrase.get_secret_value())) < LEAST_CHARACTERS:
        raise ConfigurationError(
            f"the passphrase of the local secret file has {length} characters, which whoever copies the file would soon "
            f"guess: set FLEET_SECRETS__PASSPHRASE to {LEAST_CHARACTERS} or more (`head -c 24 /dev/urandom | base64` makes one)"
        )
    derived: dict[bytes, bytes] = {}

    def key(salt: bytes) -> bytes:
        if salt not in derived:
            kdf = Scrypt(salt=salt, length=32, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P)
            derived[salt] = kdf.derive(passphrase.get_secret_value().encode())
        return derived[salt]

    return key


def keyring_key(account: str) -> KeySource:
    """Take the key from the operating system's keyring, made there on first use."""
    import keyring
    from keyring.errors import KeyringError

    def key(salt: bytes) -> bytes:
        name = f"{account}:{salt.hex()}"
        try:
            stored = keyring.get_password(KEYRING_SERVICE, name)
            if stored is None:
                stored = base64.b64encode(secrets.token_bytes(32)).decode()
                keyring.set_password(KEYRING_SERVICE, name, stored)
                if keyring.get_password(KEYRING_SERVICE, name) != stored:
                    raise KeyringError("it keeps nothing")
        except KeyringError as error:
            raise BackendUnavailable(
                "no operating-system keyring answers here: set FLEET_SECRETS__PASSPHRASE, "
                "or use the `vault` secret backend"
            ) from error
        return base64.b64decode(stored)

    return key


class LocalBackend:
    """Secrets in one encrypted file."""

    name = "local"

    def __init__(self, file: Path, key: KeySource, clock: Clock = SYSTEM) -> None:
        self._file, self._key, self._clock = file, key, clock
        self._threads = threading.Lock()

    def read(self, path: str, version: int | None = None) -> Secret:
        history = self._load().get(checked(path), [])
        number = len(history) if version is None else version
        if not 1 <= number <= len(history):
            raise SecretMissing(path, "" if version is None else f" in version {version}")
        entry = history[number - 1]
        if entry["fields"] is None:
            raise SecretMissing(path, f" in version {number} (destroyed)")
        fields = {name: SecretStr(value) for name, value in entry["fields"].items()}
        return Secret(path, number, fields, utc(entry["at"]))

    def write(self, path: str, fields: Mapping[str, SecretStr], *, expected_version: int | None = None) -> int:
        with self._changing() as document:
            history = document.setdefault(checked(path), [])
            if expected_version is not None and expected_version != len(history):
                raise SecretConflict(path, expected_version)
            plain = {name: value.get_secret_value() for name, value in fields.items()}
            history.append({"at": self._clock.now(), "fields": plain})
            return len(history)

    def versions(self, path: str) -> tuple[Version, ...]:
        history = self._load().get(checked(path), [])
        return tuple(Version(n, utc(e["at"]), e["fields"] is not None) for n, e in enumerate(history, start=1))

    def paths(self, prefix: str = "") -> tuple[str, ...]:
        folder = prefix.rstrip("/")
        return tuple(sorted(p for p in self._load() if not folder or p == folder or p.startswith(folder + "/")))

    def destroy(self, path: str, version: int) -> None:
        with self._changing() as document:
            history = document.get(checked(path), [])
            if not 1 <= version <= len(history):
                raise SecretMissing(path, f" in version {version}")
            history[version - 1]["fields"] = None

    def delete(self, path: str) -> None:
        with self._changing() as document:
            document.pop(checked(path), None)

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._threads, open(self._file.with_suffix(".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            document = self._load()
            yield document
            self._save(document)

    def _load(self) -> dict[str, Any]:
        try:
            sealed = json.loads(self._file.read_bytes())
        except FileNotFoundError:
            return {}
        salt, nonce, data = (base64.b64decode(sealed[part]) for part in ("salt", "nonce", "data"))
        try:
            document = json.loads(AESGCM(self._key(salt)).decrypt(nonce, data, _header(salt)))
        except InvalidTag:
            raise CannotDecrypt(
                f"the key does not open {self._file}: the passphrase is wrong or the file was changed; "
                "correct the passphrase or restore the file from a backup"
            ) from None
        assert isinstance(document, dict)
        return document

    def _save(self, document: dict[str, Any]) -> None:
        salt = self._salt()
        nonce = os.urandom(12)
        data = AESGCM(self._key(salt)).encrypt(nonce, json.dumps(document).encode(), _header(salt))
        sealed = {"format": FORMAT} | {
            part: base64.b64encode(value).decode() for part, value in (("salt", salt), ("nonce", nonce), ("data", data))
        }
        descriptor, temporary = tempfile.mkstemp(dir=self._file.parent, prefix=self._file.name)
        with os.fdopen(descriptor, "w") as out:
            json.dump(sealed, out)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, self._file)

    def _salt(self) -> bytes:
        try:
            return base64.b64decode(json.loads(self._file.read_bytes())["salt"])
        except FileNotFoundError:
            return os.urandom(16)


def _header(salt: bytes) -> bytes:
    return b"agent-fleet secrets %d " % FORMAT + salt
