"""Can an archive write anything but plain files, inside, within bounds?"""

from __future__ import annotations

import bz2
import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.safety.paths import member_problem
from workers.security_scanner.unpack import ArchiveRefused, UnpackLimits, unpack

Files = dict[str, bytes]
SMALL = UnpackLimits(members=20, total_bytes=200_000, ratio=10, ratio_from=50_000)


def make_zip(files: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def make_tar(files: Files) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def tar_of(member: tarfile.TarInfo, content: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


MAKERS: list[Callable[[Files], bytes]] = [
    make_zip,
    make_tar,
    lambda files: gzip.compress(make_tar(files)),
    lambda files: bz2.compress(make_tar(files)),
]
parts = st.text(st.sampled_from("abcé.-_ "), min_size=1, max_size=8)
names = st.lists(parts, min_size=1, max_size=3).map("/".join).filter(lambda name: member_problem(name) is None)


@given(st.sampled_from(MAKERS), st.dictionaries(names, st.binary(max_size=300), min_size=1, max_size=6))
def test_what_is_packed_comes_out_the_same(make: Callable[[Files], bytes], files: Files) -> None:
    with TemporaryDirectory() as folder:
        into = Path(folder)
        if any(other.startswith(name + "/") for name in files for other in files):
            with pytest.raises(ArchiveRefused, match="file and directory"):
                unpack(make(files), into)
            return
        count = unpack(make(files), into)
        found = {path.relative_to(into).as_posix(): path.read_bytes() for path in into.rglob("*") if path.is_file()}
        assert found == files
        assert count == len(files)


@given(st.sampled_from(MAKERS), st.data())
def test_damaged_archives_are_refused_and_nothing_leaves_the_directory(
    make: Callable[[Files], bytes], data: st.DataObject
) -> None:
    whole = bytearray(make({"a/b.py": b"x = 1\n" * 50, "c.txt": b"hello"}))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(whole)))
    with TemporaryDirectory() as folder:
        into = Path(folder) / "into"
        into.mkdir()
        with suppress(ArchiveRefused):
            unpack(bytes(whole[:cut]), into, SMALL)
        assert [path.name for path in Path(folder).iterdir()] == ["into"]
        assert not any(path.is_symlink() for path in into.rglob("*"))


@given(st.binary(max_size=600))
def test_noise_is_refused(noise: bytes) -> None:
    with TemporaryDirectory() as folder, pytest.raises(ArchiveRefused):
        unpack(b"!" + noise[:200], Path(folder))


@pytest.mark.parametrize(
    "name", ["../escape", "/absolute", "a/../../escape", "C:/windows", "a\\..\\b", "a//b", "./../x"]
)
@pytest.mark.parametrize("make", MAKERS)
def test_traversal_is_refused(make: Callable[[Files], bytes], name: str, tmp_path: Path) -> None:
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(ArchiveRefused):
        unpack(make({name: b"x"}), into)
    assert list(tmp_path.iterdir()) == [into]


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE],
)
def test_special_tar_members_are_refused(kind: bytes, tmp_path: Path) -> None:
    member = tarfile.TarInfo("innocent.py")
    member.type, member.linkname = kind, "/etc/passwd"
    with pytest.raises(ArchiveRefused) as refusal:
        unpack(tar_of(member), tmp_path)
    assert not list(tmp_path.iterdir()), refusal


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_special_zip_members_are_refused(mode: int, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        member = zipfile.ZipInfo("innocent.py")
        member.create_system = 3
        member.external_attr = (mode | 0o777) << 16
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(ArchiveRefused, match="link, device"):
        unpack(buffer.getvalue(), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("make", MAKERS)
def test_too_much_is_refused(make: Callable[[Files], bytes], tmp_path: Path) -> None:
    for number, files in enumerate(
        ({f"f{i}": b"" for i in range(21)}, {"zeros": bytes(150_000)}, {"z": bytes(300_000)})
    ):
        into = tmp_path / str(number)
        into.mkdir()
        if make is make_tar and number == 1:
            assert unpack(make(files), into, SMALL) == 1  # nothing was compressed, so nothing exploded
            continue
        with pytest.raises(ArchiveRefused):
            unpack(make(files), into, SMALL)


def test_a_lie_about_size_buys_nothing(tmp_path: Path) -> None:
    honest = make_zip({"bomb": bytes(300_000)})
    lying = honest.replace((300_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert lying != honest
    with pytest.raises(ArchiveRefused):
        unpack(lying, tmp_path, SMALL)


def test_a_header_that_claims_gigabytes_is_refused(tmp_path: Path) -> None:
    member = tarfile.TarInfo("x")
    member.size = 50 * 1024**3
    with pytest.raises(ArchiveRefused):
        unpack(gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024)), tmp_path)
    member.type = tarfile.XHDTYPE  # an extended header is read into memory whole
    with pytest.raises(ArchiveRefused):
        unpack(gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024)), tmp_path)


def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for content in (b"good", b"evil"):
            member = tarfile.TarInfo("same.py")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    with pytest.raises(ArchiveRefused, match="occurs twice"):
        unpack(buffer.getvalue(), tmp_path)


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    data = bytearray(make_zip({"a": b"x"}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ArchiveRefused, match="encrypted"):
        unpack(bytes(data), tmp_path)


def test_directories_and_a_leading_dot_are_fine(tmp_path: Path) -> None:
    (tmp_path / "src" / "pkg").mkdir(parents=True)
    (tmp_path / "src" / "pkg" / "m.py").write_text("x = 1\n")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(tmp_path / "src", arcname=".")
    into = tmp_path / "into"
    into.mkdir()
    assert unpack(buffer.getvalue(), into) == 1
    assert (into / "pkg" / "m.py").read_text() == "x = 1\n"
