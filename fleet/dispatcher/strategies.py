"""Which pool should take this task now, by which strategy?

A strategy is a pure function over snapshots: task, pools, its own numbers from last time. It returns a `Ranking` that
is at once the answer, the explanation and the next state. Users name theirs as `module:function`. `late_binding` is
not in here: it decides inside Redis (`deciders/match.lua`), over all held tasks at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module

from fleet.dispatcher.scoring import PoolView, TaskView, ai_optimized_terms, completion_terms
from fleet.errors import ConfigurationError, UnknownName

LATE_BINDING = "late_binding"

State = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pool that may take the task, with every term of its score."""

    pool: str
    score: float
    terms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A pool that may not, and why."""

    pool: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """A strategy's answer: candidates best first. `chosen` is None when the task has to wait."""

    strategy: str
    candidates: tuple[Candidate, ...]
    rejected: tuple[Rejected, ...]
    state: State = field(default_factory=dict)

    @property
    def chosen(self) -> str | None:
        """Return the best pool's name."""
        return self.candidates[0].pool if self.candidates else None

    @property
    def reason(self) -> str:
        """Return the answer in one line."""
        if self.candidates:
            best = self.candidates[0]
            return f"{self.strategy}: {best.pool} scores {best.score:.3f}, best of {len(self.candidates)}"
        why = "; ".join(f"{pool.pool}: {pool.reason}" for pool in self.rejected)
        return f"{self.strategy}: no pool can take it now ({why or 'there are no pools'})"


Strategy = Callable[[TaskView, tuple[PoolView, ...], State], Ranking]

_STRATEGIES: dict[str, Strategy] = {}


def register(name: str) -> Callable[[Strategy], Strategy]:
    """Make a strategy selectable by this name."""

    def decorate(strategy: Strategy) -> Strategy:
        if name == LATE_BINDING or _STRATEGIES.get(name, strategy) is not strategy:
            raise ConfigurationError(f"strategy {name!r} is already registered: choose another name")
        _STRATEGIES[name] = strategy
        return strategy

    return decorate


def strategy_names() -> tuple[str, ...]:
    """Return every selectable name, `late_binding` included."""
    return (LATE_BINDING, *_STRATEGIES)


def strategy_named(name: str) -> Strategy:
    """Return the registered function; `late_binding` has none and must be asked for before."""
    if name == LATE_BINDING:
        raise ConfigurationError("late_binding decides in Redis over all held tasks: it has no ranking function")
    if name not in _STRATEGIES:
        if ":" not in name:
            raise UnknownName("strategy", name, strategy_names())
        _STRATEGIES[name] = _imported(name)
    return _STRATEGIES[name]


def _imported(name: str) -> Strategy:
    module, _, attribute = name.partition(":")
    try:
        found: Strategy = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"strategy {name!r} cannot be imported ({error}): write module:function, and run where the module is found"
        ) from error
    return found


def screen(
    task: TaskView, pools: tuple[PoolView, ...], *, may_queue: bool = False
) -> tuple[tuple[PoolView, ...], tuple[Rejected, ...]]:
    """Split pools into candidates and rejected ones; user strategies should start with this too.

    Exclusion and ejection yield, in this order of strictness, when they would leave no capable pool at all.
    """
    rejected = {pool.name: f"not capable of {task.task_type}" for pool in pools if not pool.is_capable}
    rejected |= {pool.name: "no worker ready" for pool in pools if pool.name not in rejected and pool.slots <= 0}
    able = [pool for pool in pools if pool.name not in rejected]
    healthy = [pool for pool in able if not pool.is_out] or able
    fresh = [pool for pool in healthy if pool.name not in task.excluded] or healthy
    rejected |= {pool.name: "ejected after failures" for pool in able if pool not in healthy}
    rejected |= {pool.name: "failed this task before" for pool in healthy if pool not in fresh}
    if not may_queue:
        full = "at capacity ({0.running}/{0.slots})"
        rejected |= {pool.name: full.format(pool) for pool in fresh if pool.is_full}
    candidates = tuple(pool for pool in fresh if pool.name not in rejected)
    return candidates, tuple(Rejected(pool.name, rejected[pool.name]) for pool in pools if pool.name in rejected)


def _ranked(candidates: list[Candidate]) -> tuple[Candidate, ...]:
    return tuple(sorted(candidates, key=lambda candidate: -candidate.score))


@register("round_robin")
def round_robin(task: TaskView, pools: tuple[PoolView, ...], state: State) -> Ranking:
    """Take turns in declared order, skipping pools that cannot."""
    able, rejected = screen(task, pools)
    turn, names = int(state.get("turn", 0)), [pool.name for pool in pools]
    distance = {pool.name: (names.index(pool.name) - turn) % len(names) for pool in able}
    ranked = _ranked([Candidate(name, -float(ahead), {"turns_to_go": ahead}) for name, ahead in distance.items()])
    after = {"turn": float((names.index(ranked[0].pool) + 1) % len(names))} if ranked else state
    return Ranking("round_robin", ranked, rejected, after)


@register("least_connections")
def least_connections(task: TaskView, pools: tuple[PoolView, ...], state: State) -> Ranking:
    """Take the pool with the fewest running tasks."""
    able, rejected = screen(task, pools)
    candidates = [Candidate(pool.name, -float(pool.running), {"running": pool.running}) for pool in able]
    return Ranking("least_connections", _ranked(candidates), rejected, state)


@register("weighted_round_robin")
def weighted_round_robin(task: TaskView, pools: tuple[PoolView, ...], state: State) -> Ranking:
    """Take turns in proportion to weight, smoothly: credit grows by weight, the winner pays the round's total."""
    able, rejected = screen(task, pools)
    credit = {pool.name: state.get(pool.name, 0.0) + pool.weight for pool in able}
    terms = {pool.name: {"credit": credit[pool.name], "weight": pool.weight} for pool in able}
    ranked = _ranked([Candidate(name, credit[name], terms[name]) for name in credit])
    if ranked:
        credit[ranked[0].pool] -= sum(pool.weight for pool in able)
    return Ranking("weighted_round_robin", ranked, rejected, {**state, **credit})


@register("ai_optimized")
def ai_optimized(task: TaskView, pools: tuple[PoolView, ...], state: State) -> Ranking:
    """Take the highest weighted sum of success, response time, load, compatibility and complexity fitness."""
    able, rejected = screen(task, pools)
    terms = {pool.name: ai_optimized_terms(task, pool) for pool in able}
    ranked = _ranked([Candidate(name, sum(parts.values()), parts) for name, parts in terms.items()])
    return Ranking("ai_optimized", ranked, rejected, state)


@register("least_expected_completion")
def least_expected_completion(task: TaskView, pools: tuple[PoolView, ...], state: State) -> Ranking:
    """Take the pool expected to finish it first, its queue included: early binding's best, and the fallback."""
    able, rejected = screen(task, pools, may_queue=True)
    terms = {pool.name: completion_terms(task, pool) for pool in able}
    ranked = _ranked([Candidate(name, -sum(parts.values()), parts) for name, parts in terms.items()])
    return Ranking("least_expected_completion", ranked, rejected, state)
