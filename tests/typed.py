"""What does a page tell people to type where more than a newcomer's fleet is needed? (blocks marked `<!-- run with: ... -->`)"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"
BLOCK = re.compile(r"<!-- run with: ([^\n]*) -->\n```bash\n(.*?)```", re.DOTALL)


def blocks(page: str) -> list[str]:
    """Return the page's blocks that need servers, in their order."""
    return [text for _, text in BLOCK.findall((DOCS / page).read_text())]


def begin(block: str, instead: Mapping[str, str], home: Path) -> subprocess.Popen[str]:
    """Type the block in a shell that stops at the first failure, with stand-ins for what its author could not know."""
    for told, here in instead.items():
        assert told in block, f"the page does not say {told!r} any more"
        block = block.replace(told, here)
    # The programs of a fleet run until they are told to stop; typed one after the other they share a terminal.
    lines = [re.sub(r"^([A-Z_]+=\S+ )?(fleet worker [^#\n]+?)\s*(#.*)?$", r"\1\2 &", line) for line in block.splitlines()]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.Popen(
        ["bash", "-ec", "\n".join([*lines, "wait"])], cwd=home, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip


def typed(block: str, instead: Mapping[str, str], home: Path) -> tuple[int, str]:
    """Type the block to its end; returns exit code and what it said."""
    shell = begin(block, instead, home)
    said, _ = shell.communicate(timeout=120)
    return shell.returncode, said
