"""Does a path ever leave where it is allowed to be?"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.safety.paths import PathRefused, member_problem, resolve_inside, safe_member

HOSTILE = [
    "",
    "/etc/passwd",
    "../x",
    "a/../../x",
    "a/./b",
    "a//b",
    "a/",
    "C:/x",
    "C:x",
    "a\\b",
    "a\0b",
    "a\nb",
    "\ud800",
]


@pytest.mark.parametrize("name", [*HOSTILE, "x" * 256, "/".join("d" * 40), "a/" * 600 + "b"])
def test_hostile_member_names_are_refused_with_a_reason(name: str) -> None:
    with pytest.raises(PathRefused) as refusal:
        safe_member(name)
    assert refusal.value.reason


@pytest.mark.parametrize("name", ["a.py", "src/pkg/mod.py", ".hidden", "...", "a b/ü.txt", "-rf", "~/x"])
def test_plain_member_names_pass(name: str) -> None:
    assert str(safe_member(name)) == name


@given(st.text(st.sampled_from("ab./\\:\0~ \t"), max_size=20))
def test_a_safe_member_never_leaves_its_directory(name: str) -> None:
    if member_problem(name) is None:
        root = Path("/srv/of/tree")
        assert (root / name).resolve().is_relative_to(root)
        assert (root / name).resolve() != root


def test_a_path_under_a_root_resolves(tmp_path: Path) -> None:
    inside = tmp_path / "project" / "src"
    inside.mkdir(parents=True)
    assert resolve_inside(str(inside), [tmp_path / "project"]) == inside
    assert resolve_inside("src", [tmp_path / "absent", tmp_path / "project"]) == inside
    assert resolve_inside(".", [tmp_path / "project"]) == inside.parent


def test_ways_out_of_a_root_are_refused(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "root-outside"
    root.mkdir()
    outside.mkdir()
    (root / "link").symlink_to(outside)
    (root / "loop").symlink_to(root / "loop")
    for path in ["link", str(root / "link"), "..", "../root-outside", str(outside), "absent", "", "a\0b", "loop", "/"]:
        with pytest.raises(PathRefused):
            resolve_inside(path, [root])


def test_a_link_that_stays_inside_is_fine_and_a_linked_root_is_its_target(tmp_path: Path) -> None:
    real = tmp_path / "real"
    (real / "src").mkdir(parents=True)
    (real / "alias").symlink_to(real / "src")
    (tmp_path / "root").symlink_to(real)
    assert resolve_inside("alias", [tmp_path / "root"]) == real / "src"


def test_without_roots_nothing_may_be_read(tmp_path: Path) -> None:
    with pytest.raises(PathRefused, match="allowed roots"):
        resolve_inside(str(tmp_path), [])
