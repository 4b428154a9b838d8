"""Does a cheaper model have to stand in for this one now?

Asked when a task picks its model, and again at every fallback. The answer is announced once per window, and is another
one as soon as the window resets, a grant comes, or the rule is taken back.
"""

from __future__ import annotations

from fleet.costs.controls import controls
from fleet.costs.downgrade import Downgrade, downgraded
from fleet.store import keys
from fleet.store.client import Client
from fleet.store.scripts import script


def stand_in(client: Client, cell: str, tenant: str, task_type: str, model: str) -> Downgrade:
    """Return the model to use for a task of this tenant and type, and why."""
    budget = script("costs/downgrading.lua")(client, [keys.prefix(cell)], [tenant, task_type])
    return downgraded(model, budget, controls(client, cell).downgrade if budget else {})
