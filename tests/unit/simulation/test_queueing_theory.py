"""Does the event loop reproduce what queueing theory proves? Fixed seeds; tolerances are a few standard errors."""

from __future__ import annotations

import numpy as np
import pytest

from fleet.simulation.contestants import contestant_named
from fleet.simulation.dispatchers import LateBinding, clairvoyant
from fleet.simulation.engine import Releases, Run, simulate
from fleet.simulation.fleets import equal_pools
from fleet.simulation.workload import Workload, assemble, poisson


def erlang_c(servers: int, offered: float) -> float:
    """Return the probability that an arrival waits in M/M/k."""
    blocked = 1.0
    for server in range(1, servers + 1):
        blocked = offered * blocked / (server + offered * blocked)
    return blocked / (1 - offered / servers * (1 - blocked))


def exponential(workload: Workload, seed: int) -> Workload:
    """Return the same arrivals with exponential sizes of mean 10."""
    rng = np.random.default_rng([seed, 1])  # not the arrivals' own generator: gaps and sizes must not correlate
    size = rng.exponential(10, len(workload))
    return assemble("exponential", workload.fleet, workload.arrival, rng, size=size)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.7), (4, 0.8), (20, 0.85)])
@pytest.mark.parametrize("known", [True, False], ids=["clairvoyant", "late_binding"])
def test_one_pool_is_an_erlang_c_queue(servers: int, load: float, known: bool) -> None:
    waits, held = [], []
    for seed in (1, 2, 3):
        workload = exponential(poisson(equal_pools(1, servers), load, 25_000, seed), seed)
        run = simulate(workload, clairvoyant(workload) if known else LateBinding(workload))
        waits.append(run.wait.mean())
        held.append((run.wait > 1e-9).mean())
    probability = erlang_c(servers, servers * load)
    assert np.mean(held) == pytest.approx(probability, rel=0.05)
    assert np.mean(waits) == pytest.approx(probability * 10 / (servers * (1 - load)), rel=0.1)


def test_one_slot_with_any_sizes_is_pollaczek_khinchine() -> None:
    waits, theory = [], []
    for seed in range(4):
        workload = poisson(equal_pools(1, 1, variation=1.5), 0.6, 25_000, seed)
        run = simulate(workload, LateBinding(workload))
        rate = 1 / np.diff(workload.arrival).mean()
        waits.append(run.wait.mean())
        theory.append(rate * np.square(workload.size).mean() / (2 * (1 - rate * workload.size.mean())))
    assert np.mean(waits) == pytest.approx(np.mean(theory), rel=0.1)


class TwoRandomChoices:
    """Join the shorter of two queues drawn at random."""

    def __init__(self, pools: int, seed: int) -> None:
        self.waiting = [0] * pools
        self.random = np.random.default_rng(seed)

    def arrive(self, now: float, task: int) -> Releases:
        one, other = self.random.integers(0, len(self.waiting), 2).tolist()
        pool = one if self.waiting[one] <= self.waiting[other] else other
        self.waiting[pool] += 1
        return (task, pool)

    def finish(self, now: float, task: int, pool: int, seconds: float, ok: bool, again: bool) -> Releases:
        self.waiting[pool] -= 1
        return ()

    def tick(self, now: float) -> Releases:
        return ()


@pytest.mark.parametrize("load", [0.7, 0.9])
def test_two_choices_reach_the_mean_field_limit(load: float) -> None:
    workload = exponential(poisson(equal_pools(200, 1), load, 60_000, 5), 5)
    run: Run = simulate(workload, TwoRandomChoices(200, 5))
    theory = sum(load ** (2**level - 2) for level in range(1, 12))
    assert run.response[len(workload) // 4 :].mean() / 10 == pytest.approx(theory, rel=0.05)


def test_equal_pools_wait_no_longer_than_behind_the_shortest_queue() -> None:
    workload = poisson(equal_pools(4, 8), 0.9, 8_000, 7)
    ours = simulate(workload, LateBinding(workload)).wait.mean()
    shortest = simulate(workload, contestant_named("join_shortest_queue")(workload, 0.5)).wait.mean()
    assert ours <= shortest
