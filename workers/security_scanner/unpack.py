"""How does an archive from a stranger become files, safely?

Nothing is extracted by the archive library: every member's name is judged, everything that is not a plain file or
directory is refused, and bytes are copied with a running count, so a lie in a header buys nothing. A compressed tar is
inflated to a bounded temporary file first, because tar readers take header sizes at their word.
"""

from __future__ import annotations

import bz2
import gzip
import io
import mmap
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fleet.errors import FleetError
from workers.safety.paths import member_problem

CHUNK = 64 * 1024
TAR_MAGIC_OFFSET = 257
READ_ERRORS = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)


class ArchiveRefused(FleetError):
    """An archive is broken, hostile or larger than it may be."""

    def __init__(self, reason: str, member: str | None = None) -> None:
        self.reason, self.member = reason, member
        super().__init__(f"archive is refused{f' at member {member[:200]!r}' if member else ''}: {reason}")


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """How large an archive may become."""

    members: int = 5_000
    total_bytes: int = 128 * 1024 * 1024
    ratio: int = 100
    """Unpacked bytes per packed byte, judged once more than `ratio_from` bytes came out."""
    ratio_from: int = 4 * 1024 * 1024


@dataclass(slots=True)
class _Meter:
    """Counts what came out and stops it in time."""

    limits: UnpackLimits
    packed: int
    unpacked: int = 0
    members: int = 0

    def member(self) -> None:
        self.members += 1
        if self.members > self.limits.members:
            raise ArchiveRefused(f"it holds more than {self.limits.members} members; send fewer files")

    def bytes(self, count: int) -> None:
        self.unpacked += count
        if self.unpacked > self.limits.total_bytes:
            raise ArchiveRefused(f"it unpacks to more than {self.limits.total_bytes} bytes; send less")
        if self.unpacked > max(self.limits.ratio_from, self.limits.ratio * self.packed):
            raise ArchiveRefused(f"it unpacks to more than {self.limits.ratio} times its size, as an archive bomb does")


def unpack(data: bytes, into: Path, limits: UnpackLimits | None = None) -> int:
    """Write the files of archive `data` under the empty directory `into`; return how many there were."""
    meter = _Meter(limits or UnpackLimits(), packed=len(data))
    try:
        if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            return _unzip(data, into, meter)
        if data.startswith(b"\x1f\x8b"):
            return _untar_inflated(gzip.GzipFile(fileobj=io.BytesIO(data)), into, meter)
        if data.startswith(b"BZh"):
            return _untar_inflated(bz2.BZ2File(io.BytesIO(data)), into, meter)
        if data[TAR_MAGIC_OFFSET:].startswith(b"ustar"):
            return _untar(io.BytesIO(data), into, meter)
    except READ_ERRORS as exc:
        raise ArchiveRefused(f"it cannot be read ({exc.__class__.__name__}: {str(exc)[:200]})") from exc
    raise ArchiveRefused("its kind is not known; send zip, tar, tar.gz or tar.bz2")


def _unzip(data: bytes, into: Path, meter: _Meter) -> int:
    written = 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.infolist():
            meter.member()
            name = member.orig_filename.rstrip("/") if member.is_dir() else member.orig_filename
            kind = stat.S_IFMT(member.external_attr >> 16)
            expected = {0, stat.S_IFDIR} if member.is_dir() else {0, stat.S_IFREG}
            if kind not in expected:
                raise ArchiveRefused("it is a link, device or other special file; send plain files", name)
            if member.flag_bits & 0x1:
                raise ArchiveRefused("it is encrypted; send it without a password", name)
            target = _place(name, into)
            if member.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            with archive.open(member) as source:
                _write(source, target, name, meter)
            written += 1
    return written


def _untar_inflated(packed: gzip.GzipFile | bz2.BZ2File, into: Path, meter: _Meter) -> int:
    """Inflate first, counting; then read an ordinary tar whose sizes cannot exceed what exists."""
    with tempfile.TemporaryFile() as plain, packed:
        while chunk := packed.read(CHUNK):
            meter.bytes(len(chunk))
            plain.write(chunk)
        plain.flush()
        # a map gives what it has; reading a file would first reserve the 50 GB that a header claims
        with mmap.mmap(plain.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            return _untar(whole, into, _Meter(meter.limits, packed=meter.unpacked))


def _untar(plain: io.BytesIO | mmap.mmap, into: Path, meter: _Meter) -> int:
    written = 0
    with tarfile.open(fileobj=plain, mode="r:") as archive:
        for member in archive:
            meter.member()
            if not (member.isreg() or member.isdir()) or member.issparse():
                raise ArchiveRefused(
                    "it is a link, device, sparse or other special file; send plain files", member.name
                )
            name = member.name.removeprefix("./")
            if member.isdir():
                if name.strip("./"):
                    _place(name.rstrip("/"), into).mkdir(parents=True, exist_ok=True)
                continue
            source = archive.extractfile(member)
            if source is None:
                raise ArchiveRefused("its content is missing", name)
            with source:
                _write(source, _place(name, into), name, meter)
            written += 1
    return written


def _place(name: str, into: Path) -> Path:
    if problem := member_problem(name):
        raise ArchiveRefused(problem, name)
    return into / name


def _write(source: IO[bytes], target: Path, name: str, meter: _Meter) -> None:
    with _new_file(target, name) as destination:
        while chunk := source.read(CHUNK):
            meter.bytes(len(chunk))
            destination.write(chunk)


@contextmanager
def _new_file(target: Path, name: str) -> Iterator[IO[bytes]]:
    """Create a file that was not there; a second member of the same name is an attack on whoever reads the first."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        destination = target.open("xb")
    except (FileExistsError, NotADirectoryError) as exc:
        raise ArchiveRefused("a name occurs twice, or as file and directory; send each file once", name) from exc
    with destination:
        yield destination
