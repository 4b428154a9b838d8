"""What does a backup file look like?

One line of JSON (format, cell, when, salt), then frames: AES-256-GCM under a key that scrypt derives from the
passphrase. Each frame authenticates the first line, its place and whether it is the last, so that a frame changed, moved,
left out or cut off is noticed. The last frame is the manifest: what is inside, how many, with which digest.
"""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import SecretStr

from fleet.errors import ConfigurationError, FleetError

FORMAT = "agent-fleet backup 1"
SUFFIX = ".fleetbackup"
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**15, 8, 1
MIDDLE, LAST = b"\0", b"\1"
Frame = dict[str, Any]


class UnreadableBackup(FleetError):
    """The file is no backup, was changed or cut off, or the passphrase is another."""


def _key(passphrase: SecretStr, salt: bytes) -> bytes:
    if not passphrase.get_secret_value():
        raise ConfigurationError(
            "a backup needs a passphrase: set FLEET_SECRETS__PASSPHRASE or pass --passphrase-file, and keep it elsewhere"
        )
    kdf = Scrypt(salt=salt, length=32, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P)
    return kdf.derive(passphrase.get_secret_value().encode())


class Writer:
    """Seals frames into a file, one after the other; `close` writes the manifest."""

    def __init__(self, out: IO[bytes], passphrase: SecretStr, cell: str, created_at: float) -> None:
        salt = os.urandom(16)
        head = {"format": FORMAT, "cell": cell, "created_at": created_at, "salt": base64.b64encode(salt).decode()}
        self._out, self._cipher = out, AESGCM(_key(passphrase, salt))
        self._line = orjson.dumps(head) + b"\n"
        self._count, self._digest = 0, hashlib.sha256()
        out.write(self._line)

    def add(self, kind: str, **content: Any) -> None:
        plain = orjson.dumps({"kind": kind, **content})
        self._digest.update(plain)
        self._seal(plain, MIDDLE)

    def close(self, manifest: Frame) -> Frame:
        """Write the manifest with the digest of everything before it, and return it."""
        manifest = {**manifest, "kind": "manifest", "frames": self._count, "sha256": self._digest.hexdigest()}
        self._seal(orjson.dumps(manifest), LAST)
        return manifest

    def _seal(self, plain: bytes, place: bytes) -> None:
        nonce = os.urandom(12)
        data = self._cipher.encrypt(nonce, zlib.compress(plain, 1), _context(self._line, self._count, place))
        self._out.write(place + len(data).to_bytes(8, "big") + nonce + data)
        self._count += 1


def header(file: Path) -> Frame:
    """Return the first line, which anybody may read."""
    with file.open("rb") as source:
        return _header(file, source)[0]


def frames(
    file: Path, passphrase: SecretStr, told: Callable[[float, float], None] = lambda _read, _size: None
) -> Iterator[Frame]:
    """Yield every frame, the manifest last; raises `UnreadableBackup` where the file does not hold together.

    `told` hears how many bytes of the file are read, and how many there are.
    """
    whole = file.stat().st_size
    digest, place, count = hashlib.sha256(), MIDDLE, 0
    with file.open("rb") as source:
        head, line = _header(file, source)
        cipher = AESGCM(_key(passphrase, base64.b64decode(head["salt"])))
        while place == MIDDLE:
            place, size = source.read(1), int.from_bytes(source.read(8), "big")
            nonce, data = source.read(12), source.read(size)
            if place not in (MIDDLE, LAST) or len(data) < size:
                raise UnreadableBackup(
                    f"{file} ends after frame {count}, before its manifest: take another backup file"
                )
            try:
                plain = zlib.decompress(cipher.decrypt(nonce, data, _context(line, count, place)))
            except InvalidTag:
                raise UnreadableBackup(
                    f"frame {count} of {file} does not open: the passphrase is another, or the file was changed"
                ) from None
            frame: Frame = orjson.loads(plain)
            if place == MIDDLE:
                digest.update(plain)
            elif frame["sha256"] != digest.hexdigest() or frame["frames"] != count:
                raise UnreadableBackup(f"{file} does not hold what its manifest says: take another backup file")
            told(source.tell(), whole)
            yield frame
            count += 1


def _header(file: Path, source: IO[bytes]) -> tuple[Frame, bytes]:
    line = source.readline(4096)
    try:
        head: Frame = orjson.loads(line)
        known = head["format"] == FORMAT
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise UnreadableBackup(f"{file} is no backup of this format ({FORMAT!r})")
    return head, line


def _context(line: bytes, count: int, place: bytes) -> bytes:
    return line + count.to_bytes(8, "big") + place
