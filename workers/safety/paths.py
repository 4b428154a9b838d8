"""Does this path stay where it is allowed to be?

Two questions: may a path on this machine be read (`resolve_inside`), and is a name somebody sent us safe to create
under a directory of ours (`safe_member`)? Answers are paths; refusals are `PathRefused` with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from fleet.errors import FleetError

MAX_NAME_LENGTH = 255
MAX_MEMBER_LENGTH = 1024
MAX_MEMBER_DEPTH = 32


class PathRefused(FleetError):
    """A path leads where the caller may not go."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"path {path[:200]!r} is refused: {reason}")


def resolve_inside(path: str, roots: Sequence[Path]) -> Path:
    """Return the real, existing path behind `path` when it lies under one of `roots`.

    Symbolic links are followed first, on both sides, so a link out of a root is a way out and is refused. A relative
    path is tried under each root in turn.
    """
    if not roots:
        raise PathRefused(path, "no path may be read here; name the readable directories in the allowed roots setting")
    if not path or "\0" in path:
        raise PathRefused(path, "it is empty or holds a NUL character; send the path of a directory or file")
    for root in roots:
        real_root = _real(root, str(root))
        real = _real(real_root / path, path) if real_root else None
        if real and real_root and real.is_relative_to(real_root):
            return real
    raise PathRefused(path, f"it does not exist under any allowed root ({', '.join(map(str, roots))})")


def safe_member(name: str) -> PurePosixPath:
    """Return `name` as a relative path that cannot leave the directory it is joined to."""
    if problem := member_problem(name):
        raise PathRefused(name, problem)
    return PurePosixPath(name)


def member_problem(name: str) -> str | None:
    """Say why `name` is unsafe as a relative path, or None when it is safe."""
    parts = name.split("/")
    if not name or name.endswith("/"):
        return "it names no file"
    if len(name) > MAX_MEMBER_LENGTH or any(len(part.encode("utf-8", "replace")) > MAX_NAME_LENGTH for part in parts):
        return f"it is longer than {MAX_MEMBER_LENGTH} characters, or one part is longer than {MAX_NAME_LENGTH} bytes"
    if any(not character.isprintable() for character in name):
        return "it holds a control character or is not valid text"
    if "\\" in name:
        return "it holds a backslash; write paths with forward slashes"
    if name.startswith("/") or (len(name) > 1 and name[1] == ":"):
        return "it is absolute; send a path relative to the source's root"
    if any(part in {"", ".", ".."} for part in parts):
        return "it holds an empty, '.' or '..' part; send the plain relative path"
    if len(parts) > MAX_MEMBER_DEPTH:
        return f"it is deeper than {MAX_MEMBER_DEPTH} directories"
    return None


def _real(path: Path, shown: str) -> Path | None:
    """Resolve links; None when the path does not exist."""
    try:
        return path.resolve(strict=True)
    except FileNotFoundError:
        return None
    except (OSError, RuntimeError) as exc:
        raise PathRefused(shown, f"it cannot be resolved ({exc.__class__.__name__})") from exc
