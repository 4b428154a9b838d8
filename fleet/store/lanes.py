"""What does the name of a lane say?

Held tasks stand in lanes: `type` for the first contract of a task type, `type#contract` for a later one, `@pool` for what
a strategy or a rollout bound to one pool.
"""

from __future__ import annotations

BOUND_EARLY = "@"
"""Prefix of lanes whose tasks are already bound to a pool."""


def task_type(lane: str) -> str:
    """Return the task type of a lane; that of a bound one is not in its name, which is returned as it is."""
    return lane if lane.startswith(BOUND_EARLY) else lane.partition("#")[0]
