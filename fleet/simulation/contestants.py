"""Who takes part in a comparison, under which name?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fleet.dispatcher.strategies import (
    LATE_BINDING,
    Strategy,
    least_expected_completion,
    strategy_named,
    strategy_names,
)
from fleet.errors import UnknownName
from fleet.simulation.dispatchers import LateBinding, clairvoyant
from fleet.simulation.engine import Dispatcher
from fleet.simulation.fleets import Floats
from fleet.simulation.ranked import Ranked
from fleet.simulation.rivals import join_shortest_queue, peak_latency, power_of_two_choices
from fleet.simulation.workload import Workload

Contestant = Callable[[Workload, float], Dispatcher]
"""(workload, log-normal error sigma of the declared size) -> a fresh dispatcher."""

REFERENCE = "clairvoyant"
AT_POOLS = "_at_pools"
"""Suffix: chosen on arrival for good, waiting in the pool's own queue, as Celery routing alone would do it."""


def estimate(workload: Workload, sigma: float) -> Floats:
    """Return what producers declare about size: the truth times a log-normal error."""
    return np.asarray(workload.size * np.exp(sigma * workload.error), dtype=np.float64)


def _ranked(strategy: Strategy, at_pools: bool) -> Contestant:
    return lambda workload, sigma: Ranked(workload, strategy, estimate(workload, sigma), at_pools=at_pools)


def contestants() -> dict[str, Contestant]:
    """Return everybody by name: the reference, late binding with and without sizes, each strategy, the rivals.

    Least expected completion queues at the pools by itself, so it stands there once."""
    strategies = {name: strategy_named(name) for name in strategy_names() if name != LATE_BINDING}
    rivals = {
        "power_of_two_choices": power_of_two_choices,
        "join_shortest_queue": join_shortest_queue,
        "peak_latency": peak_latency,
    }
    return {
        REFERENCE: lambda workload, _: clairvoyant(workload),
        LATE_BINDING: lambda workload, sigma: LateBinding(workload, estimate(workload, sigma)),
        f"{LATE_BINDING}_type_mean": lambda workload, _: LateBinding(workload),
        **{name: _ranked(strategy, at_pools=False) for name, strategy in strategies.items()},
        **{f"{name}{AT_POOLS}": _ranked(strategy, at_pools=True) for name, strategy in strategies.items()
           if strategy is not least_expected_completion},
        "shared_queue": _ranked(join_shortest_queue, at_pools=False),
        **{name: _ranked(strategy, at_pools=True) for name, strategy in rivals.items()},
    }


def contestant_named(name: str) -> Contestant:
    """Return the factory of this name."""
    known = contestants()
    if name not in known:
        raise UnknownName("strategy", name, known)
    return known[name]
