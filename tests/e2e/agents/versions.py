"""An agent with a broken version: what `greeter@broken` greets, it often fails to."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from workers.base import agent_task
from workers.run import Run


@agent_task("greet")
def greet(payload: dict[str, Any], run: Run) -> dict[str, Any]:
    """Say who greeted; the broken version fails one task in five."""
    version = os.environ["FLEET_POOL"].partition("@")[2]
    if version == "broken" and hashlib.sha256(run.task_id.encode()).digest()[0] % 5 == 0:
        raise RuntimeError("the broken version fails one task in five")
    return {"pool": run.pool, "agent_type": run.agent_type, "version": version}
