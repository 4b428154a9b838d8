"""Do the counters agree with reality?

gather -> decide -> apply, every 30 s: slots against the roster, in-flight counters against tasks, running sets against
records. Whatever differs is put right, logged and listed under repairs.
"""

from __future__ import annotations

from typing import Any

from fleet.settings import current
from fleet.store import keys
from fleet.store.client import connect
from fleet.store.scripts import script
from fleet.telemetry import logs


def mend() -> dict[str, Any]:
    """Recount in one atomic step; returns how many counters were wrong."""
    wrong = script("dispatcher/mend.lua")(connect(), [keys.prefix(current().cell)], [])
    for kind, name, counted, real in zip(*[iter(wrong)] * 4, strict=True):
        logs.get("health").warning(
            "counter_mended", kind=kind, name=name, counted=counted, real=real, next="none: it is right now"
        )
    return {"mended": len(wrong) // 4}
