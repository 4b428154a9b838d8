"""Is a fleet running on this state directory already?"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from fleet.errors import Conflict


def take(state_dir: Path) -> IO[str]:
    """Lock the directory for as long as the returned file is open; refuse clearly when somebody has it."""
    state_dir.mkdir(parents=True, exist_ok=True)
    os.chmod(state_dir, 0o700)
    file = (state_dir / "fleet.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise Conflict(
            f"a fleet runs on {state_dir} already (process {owner}): stop it, or set FLEET_STATE_DIR to another folder"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
