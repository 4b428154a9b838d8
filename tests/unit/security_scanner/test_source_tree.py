"""Do the engines see exactly the plain files they should?"""

from __future__ import annotations

import base64
import io
import os
import zipfile
from pathlib import Path

import pytest

from workers.safety.paths import PathRefused
from workers.security_scanner.payload import SecurityAnalysis
from workers.security_scanner.tree import MAX_FILE_BYTES, Tree, lay_out


def laid_out(tree: Tree) -> set[str]:
    return {path.relative_to(tree.root).as_posix() for path in tree.root.rglob("*") if not path.is_dir()}


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "allowed" / "project"
    (root / "src").mkdir(parents=True)
    (root / "src" / "a.py").write_text("x = 1\n")
    (root / "b.txt").write_text("hello\n")
    return root


def test_the_three_sources_give_the_same_tree(scratch: Path, project: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.write(project / "src" / "a.py", "src/a.py")
        archive.write(project / "b.txt", "b.txt")
    payloads = [
        SecurityAnalysis(files={"src/a.py": "x = 1\n", "b.txt": "hello\n"}),
        SecurityAnalysis(archive=base64.b64encode(buffer.getvalue()).decode()),
        SecurityAnalysis(path=str(project)),
    ]
    for number, payload in enumerate(payloads):
        own = scratch / str(number)
        own.mkdir()
        tree = lay_out(payload, own, [project.parent])
        assert laid_out(tree) == {"src/a.py", "b.txt"}
        assert (tree.files, tree.bytes, tree.skipped_total) == (2, 12, 0)
        assert tree.line("src/a.py", 1) == "x = 1"
        assert tree.line("src/a.py", 2) == tree.line("absent", 1) == ""


def test_links_devices_dependencies_and_giants_stay_out_and_are_named(scratch: Path, project: Path) -> None:
    (project / "passwd").symlink_to("/etc/passwd")
    (project / "etc").symlink_to("/etc")
    os.mkfifo(project / "pipe")
    (project / "node_modules" / "x").mkdir(parents=True)
    (project / "node_modules" / "x" / "index.js").write_text("1")
    (project / "env39" / "lib").mkdir(parents=True)
    (project / "env39" / "pyvenv.cfg").write_text("home = /usr\n")
    (project / "giant.py").write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    (project / "src" / "generated.py").write_text("y = 2\n")
    (project / ".gitleaksignore").write_text("src/a.py:generic-api-key:1\n")
    payload = SecurityAnalysis(path=str(project), exclude=("src/gen*",))
    tree = lay_out(payload, scratch, [project])
    assert laid_out(tree) == {"src/a.py", "b.txt"}
    assert {name for name, _ in tree.skipped} == {
        "passwd",
        "etc/",
        "pipe",
        "node_modules/",
        "env39/",
        "giant.py",
        "src/generated.py",
        ".gitleaksignore",
    }
    assert all(reason for _, reason in tree.skipped)


def test_suppression_files_are_kept_when_honoured(scratch: Path, project: Path) -> None:
    (project / ".gitleaksignore").write_text("x\n")
    payload = SecurityAnalysis(path=str(project), honour_suppressions=True)
    assert ".gitleaksignore" in laid_out(lay_out(payload, scratch, [project]))


def test_a_single_file_can_be_scanned(scratch: Path, project: Path) -> None:
    tree = lay_out(SecurityAnalysis(path="src/a.py"), scratch, [project])
    assert laid_out(tree) == {"a.py"}


def test_a_path_outside_the_roots_is_refused(scratch: Path, project: Path) -> None:
    with pytest.raises(PathRefused):
        lay_out(SecurityAnalysis(path="/etc"), scratch, [project])


def test_text_that_is_no_utf8_is_still_laid_out(scratch: Path) -> None:
    tree = lay_out(SecurityAnalysis(files={"a.py": "x = '\ud800'\r\n"}), scratch, [])
    assert (tree.root / "a.py").read_bytes() == b"x = '?'\r\n"
