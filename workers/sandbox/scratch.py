"""Where may the code write, how much is there, and how does it disappear whatever the code made of it?

A directory of the machine, which is only a mount point where the sandbox has a file system of its own. Where it has not,
its size is measured from outside, and what cannot be measured counts as too much.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch(root: Path | None) -> Iterator[str]:
    """Give an empty directory below `root` (default: the system's place for temporary files) and remove it after."""
    folder = tempfile.mkdtemp(prefix="sandbox-", dir=root)
    try:
        yield folder
    finally:
        remove(folder)


def exceeds(folder: str, most_bytes: int, most_files: int) -> bool:
    """Tell whether a folder holds more than it may, following no link and stopping as soon as that is known."""
    held_bytes = held_files = 0
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    held_bytes += entry.stat(follow_symlinks=False).st_blocks * 512
                    held_files += 1
                    if held_bytes > most_bytes or held_files > most_files:
                        return True
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except FileNotFoundError:
            continue  # removed while we looked
        except OSError:
            return True  # made unreadable, or nested deeper than a path can be long: hidden on purpose
    return False


def remove(folder: str) -> None:
    """Remove a folder, also one nested deeper than Python can follow or locked by its modes."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        pass
    if os.path.lexists(folder):
        for command in (["chmod", "-R", "u+rwX", folder], ["rm", "-rf", folder]):
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
