"""Which pools does an early-binding strategy prefer for this task, right now?

gather (pool views, one round trip) -> decide (a pure strategy) -> a ranking for submit.lua. Late binding ranks nothing
here: its decider runs inside the script.
"""

from __future__ import annotations

import json
import threading

from fleet.dispatcher import pools
from fleet.dispatcher.scoring import TaskView
from fleet.dispatcher.strategies import LATE_BINDING, State, strategy_named

_states: dict[str, State] = {}
_lock = threading.Lock()


def check(name: str) -> str:
    """Return the strategy's name; an unknown one is refused with the choices."""
    if name != LATE_BINDING:
        strategy_named(name)
    return name


def rank(name: str, task_type: str, complexity: float, size_hint: float | None) -> tuple[str, str]:
    """Return (pools best first, comma-separated; the decision as JSON); both empty for late binding."""
    if name == LATE_BINDING:
        return "", ""
    views = pools.views(task_type)
    with _lock:
        ranking = strategy_named(name)(TaskView(task_type, complexity, size_hint or 10.0), views, _states.get(name, {}))
        _states[name] = ranking.state
    best = [candidate.pool for candidate in ranking.candidates]
    # Nobody has room: the task queues at the first pool that is able to run it.
    queue_at = (
        best
        or [view.name for view in views if view.is_capable and not view.is_out]
        or [view.name for view in views if view.is_capable]
    )
    why = {
        "cause": name,
        "pool": ranking.chosen or "",
        "reason": ranking.reason,
        "candidates": [{"pool": c.pool, "score": c.score, "terms": dict(c.terms)} for c in ranking.candidates[:8]],
        "rejected": [{"pool": r.pool, "reason": r.reason} for r in ranking.rejected[:8]],
    }
    return ",".join(queue_at), json.dumps(why)
