"""Which files will the engines see?

Every source, inline, archived or on disk, becomes a fresh directory of plain files. Copying a path too costs little and
means engines never meet a symbolic link, a device, a dependency folder or a file that changes under them; whatever is
left out is listed with its reason.
"""

from __future__ import annotations

import base64
import fnmatch
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fleet.errors import FleetError
from workers.safety.paths import member_problem, resolve_inside
from workers.security_scanner.payload import SecurityAnalysis
from workers.security_scanner.unpack import unpack

MAX_FILES = 20_000
MAX_TOTAL_BYTES = 256 * 1024 * 1024
MAX_FILE_BYTES = 2 * 1024 * 1024
LISTED_SKIPS = 50

NOT_SOURCE = frozenset(
    {".git", ".hg", ".svn", "node_modules", "__pycache__", ".tox", ".nox"}
    | {".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
)
CODE_SUFFIXES = (".py", ".pyw")
SUPPRESSION_FILES = frozenset({".gitleaksignore", ".gitleaks.toml", ".bandit"})


class SourceTooLarge(FleetError):
    """The source has more files or bytes than one scan takes."""


@dataclass(slots=True)
class Tree:
    """The laid out source: where, how much, and what was left out (the first few, with reasons)."""

    root: Path
    files: int = 0
    bytes: int = 0
    skipped_total: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    gaps: list[tuple[str, str]] = field(default_factory=list)
    """Skipped although it is code that an engine would have judged (the first few)."""
    _open_name: str = ""
    _open_lines: list[str] = field(default_factory=list)

    def skip(self, name: str, reason: str, wanted: bool = False) -> None:
        """Note what is left out, and whether it was `wanted`."""
        self.skipped_total += 1
        if len(self.skipped) < LISTED_SKIPS:
            self.skipped.append((name, reason))
        if wanted and name.endswith(CODE_SUFFIXES) and len(self.gaps) < LISTED_SKIPS:
            self.gaps.append((name, reason))

    def line(self, name: str, number: int) -> str:
        """Return one line of a file, or nothing when there is no such line; made for asking file after file."""
        if name != self._open_name:
            try:
                text = (self.root / name).read_text(encoding="utf-8", errors="replace")
            except OSError:
                text = ""
            self._open_name, self._open_lines = name, text.split("\n")
        return self._open_lines[number - 1] if 0 < number <= len(self._open_lines) else ""


def lay_out(payload: SecurityAnalysis, scratch: Path, allowed_roots: Sequence[Path]) -> Tree:
    """Put the payload's source under `scratch` and say what is there."""
    tree = Tree(scratch / "source")
    tree.root.mkdir()
    if payload.path is not None:
        _copy(resolve_inside(payload.path, allowed_roots), tree, payload)
        return tree
    raw = scratch / "raw"
    raw.mkdir()
    if payload.archive is not None:
        unpack(base64.b64decode(payload.archive), raw)
    else:
        for name, text in (payload.files or {}).items():
            (raw / name).parent.mkdir(parents=True, exist_ok=True)
            (raw / name).write_text(text, encoding="utf-8", errors="replace", newline="")
    _copy(raw, tree, payload)
    shutil.rmtree(raw)
    return tree


def _copy(source: Path, tree: Tree, payload: SecurityAnalysis) -> None:
    base = source.parent if source.is_file() else source
    for path in [source] if source.is_file() else _walk(source, tree):
        name = path.relative_to(base).as_posix()
        if reason := _left_out(name, path, payload):
            tree.skip(name, reason)
            continue
        _copy_one(path, name, tree)


def _walk(source: Path, tree: Tree) -> Iterator[Path]:
    """Yield files in a stable order, without following links or entering folders that hold no source."""
    for folder, folders, files in os.walk(source):
        here = Path(folder)
        for name in sorted(folders):
            if reason := _not_entered(here / name):
                tree.skip((here / name).relative_to(source).as_posix() + "/", reason)
                folders.remove(name)
        folders.sort()
        yield from (here / name for name in sorted(files))


def _not_entered(folder: Path) -> str | None:
    if folder.is_symlink():
        return "link"
    if folder.name in NOT_SOURCE or (folder / "pyvenv.cfg").exists():
        return "not source"
    return None


def _left_out(name: str, path: Path, payload: SecurityAnalysis) -> str | None:
    if problem := member_problem(name):
        return problem
    if any(fnmatch.fnmatch(name, pattern) for pattern in payload.exclude):
        return "excluded by the payload"
    if path.name in SUPPRESSION_FILES and not payload.honour_suppressions:
        return "it configures an engine; set honour_suppressions to obey it"
    return None


def _copy_one(path: Path, name: str, tree: Tree) -> None:
    """Copy a plain file; anything else, and anything too large, is listed as skipped."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as exc:
        linked = path.is_symlink()
        tree.skip(name, "link" if linked else f"unreadable ({exc.strerror})", wanted=not linked)
        return
    with os.fdopen(descriptor, "rb") as source:
        found = os.fstat(source.fileno())
        if not stat.S_ISREG(found.st_mode):
            tree.skip(name, "not a plain file")
            return
        if found.st_size > MAX_FILE_BYTES:
            tree.skip(name, f"larger than {MAX_FILE_BYTES} bytes", wanted=True)
            return
        tree.files += 1
        tree.bytes += found.st_size
        if tree.files > MAX_FILES or tree.bytes > MAX_TOTAL_BYTES:
            raise SourceTooLarge(
                f"the source is over {MAX_FILES} files or {MAX_TOTAL_BYTES} bytes; scan a subdirectory or exclude more"
            )
        target = tree.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as destination:
            destination.write(source.read(found.st_size))
