"""Does the image's lock know exactly the versions that are tried together?"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def pinned(file: Path) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==([^\s;\\]+)", file.read_text(), re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def test_every_pinned_version_has_its_hashes() -> None:
    assert pinned(ROOT / "deploy" / "image" / "hashes.txt") == pinned(ROOT / "constraints.txt"), "run `make lock`"


def test_every_package_of_the_lock_has_a_hash_and_no_index_is_named() -> None:
    text = (ROOT / "deploy" / "image" / "hashes.txt").read_text()
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert entries
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", entry) for entry in entries)
    assert "://" not in text


def test_the_image_installs_by_hash() -> None:
    assert "--constraint deploy/image/hashes.txt" in (ROOT / "Dockerfile").read_text()
