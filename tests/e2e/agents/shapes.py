"""An agent whose payload changed: the old build knows `text`, the new one `words`, and `text` still."""

from __future__ import annotations

import time
from typing import Any

from celery import current_task

from fleet.dispatcher import contracts
from workers.base import agent_task
from workers.run import Run


@agent_task("shape")
def shape(payload: dict[str, Any], _: Run) -> dict[str, Any]:
    """Count words, slowly; a build that is given what it does not know fails, as real code does."""
    time.sleep(0.05)
    words = payload["text"].split() if contracts.build() == "old" or "text" in payload else payload["words"]
    return {"build": contracts.build(), "words": len(words), "contract": current_task.request.fleet_contract}
