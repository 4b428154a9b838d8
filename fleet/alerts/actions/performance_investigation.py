"""How is slowness looked into? By collecting, now, what will be gone later; nothing of the fleet is changed."""

from __future__ import annotations

from fleet.alerts.actions.plan import Plan, Request, View


def plan(request: Request, view: View) -> Plan:
    """Collect stacks, slow tasks, pools and queues into a bundle that is kept for a week."""
    pools = ", ".join(pool.name for pool in view.pools_of(request)) or "the fleet"
    return Plan(f"collect stacks, slow tasks and queue states of {pools} into a bundle", most_active=2, collects=True)
