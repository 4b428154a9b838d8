"""Does the late-binding match hand each free slot to the task that deserves it, and say why?"""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.simulation.lua import load_into, runtime, table

LUA = runtime()
(MATCH,) = load_into(LUA, "dispatcher/deciders/match.lua", "match")
(EXPLAIN,) = load_into(LUA, "dispatcher/deciders/explain.lua", "explain")
(JIT_MATCH,) = load_into(JIT := runtime("luajit21"), "dispatcher/deciders/match.lua", "match")


def pool(name: str, free: int = 1, slots: int = 4, service: float = 10.0, **more: Any) -> dict[str, Any]:
    return {"name": name, "free": free, "slots": slots, "service": service, **more}


def head(type_: str = "code", size: float = 10.0, age: float = 0.0, **more: Any) -> dict[str, Any]:
    return {"type": type_, "size": size, "age": age, "priority": 0, **more}


def match(heads: list[dict[str, Any]], pools: list[dict[str, Any]], factors: dict[str, Any], **options: Any) -> Any:
    """Return (head index, pool name) as the Lua function chose them, or None."""
    arguments = (heads, pools, factors, {"hold": 2, "held": len(heads), **options})
    answer = MATCH(*(table(LUA, argument) for argument in arguments))
    assert answer == JIT_MATCH(*(table(JIT, argument) for argument in arguments))
    return None if answer is None else (answer[0] - 1, pools[answer[1] - 1]["name"])


def explain(one: dict[str, Any], pools: list[dict[str, Any]], factors: dict[str, Any], **options: Any) -> Any:
    return EXPLAIN(*(table(LUA, argument) for argument in (one, pools, factors, {"hold": 2, "held": 1, **options})))


def test_the_fastest_free_pool_wins() -> None:
    assert match([head()], [pool("slow"), pool("fast")], {"code": {"slow": 2.0, "fast": 0.5}}) == (0, "fast")


def test_a_pool_without_a_factor_is_not_capable() -> None:
    assert match([head()], [pool("other")], {"code": {"fast": 0.5}}) is None
    assert match([head("unknown")], [pool("fast")], {"code": {"fast": 0.5}}) is None


def test_a_slow_slot_stays_idle_while_waiting_for_the_fast_one_is_quicker() -> None:
    pools = [pool("slow"), pool("fast", free=0, slots=16)]
    factors = {"code": {"slow": 4.0, "fast": 1.0}}
    assert match([head()], pools, factors, held=1) is None
    assert match([head()], pools, factors, held=200) == (0, "slow")


def test_older_tasks_go_first_unless_the_pool_suits_them_badly() -> None:
    pools = [pool("code-specialist"), pool("plain", free=0, slots=1)]
    factors = {"code": {"code-specialist": 0.5, "plain": 1.0}, "chat": {"code-specialist": 1.5, "plain": 1.0}}
    both = [head("code", age=10), head("chat", age=12)]
    assert match(both, pools, factors, held=50) == (0, "code-specialist")
    both[1]["age"] = 60
    assert match(both, pools, factors, held=50) == (1, "code-specialist")


def test_priority_goes_before_age() -> None:
    heads = [head(age=1000), head("chat", priority=5)]
    assert match(heads, [pool("any")], {"code": {"any": 1.0}, "chat": {"any": 1.0}}) == (1, "any")


def test_a_near_goal_raises_the_score() -> None:
    heads = [head(age=10), head("chat", age=9, slo=5)]
    assert match(heads, [pool("any")], {"code": {"any": 1.0}, "chat": {"any": 1.0}}) == (1, "any")


def test_equal_pools_within_noise_share_the_load() -> None:
    pools = [pool("a", free=1, slots=8), pool("b", free=7, slots=8)]
    factors = {"code": {"a": 1.0, "b": 1.05}}
    assert match([head()], pools, factors, noise=0.1) == (0, "b")
    assert match([head()], pools, factors, noise=0.0) == (0, "a")


def test_only_the_named_pool_is_filled() -> None:
    pools = [pool("a"), pool("b")]
    factors = {"code": {"a": 1.0, "b": 1.0}}
    assert match([head()], pools, factors, only_pool="b") == (0, "b")
    assert match([head()], pools, {"code": {"a": 1.0, "b": 9.0}}, only_pool="b") is None


def test_an_ejected_or_excluded_pool_is_used_only_when_nothing_else_is_left() -> None:
    factors = {"code": {"a": 1.0, "b": 5.0}}
    pools = [pool("a", out=True), pool("b")]
    assert match([head()], pools, factors) == (0, "b")
    assert match([head()], [pool("a"), pool("b")], factors, noise=0) == (0, "a")
    assert match([head(excluded={"a": True})], [pool("a"), pool("b")], factors) == (0, "b")
    assert match([head(excluded={"b": True})], pools, factors) == (0, "b")
    assert match([head()], [pool("a", out=True)], factors) == (0, "a")
    assert match([head()], [pool("a", free=0, slots=0)], factors) is None


def test_affinity_takes_off_at_most_half() -> None:
    pools = [pool("cold"), pool("warm")]
    assert match([head(affinity={"warm": 4.0})], pools, {"code": {"cold": 1.0, "warm": 1.3}}) == (0, "warm")
    assert match([head(affinity={"warm": 90.0})], pools, {"code": {"cold": 1.0, "warm": 2.1}}) == (0, "cold")


def test_the_explanation_shows_every_pool_once_with_a_reason() -> None:
    pools = [pool("fast", free=0), pool("slow"), pool("sick", out=True), pool("gone", free=0, slots=0), pool("other")]
    factors = {"code": {"fast": 1.0, "slow": 1.2, "sick": 1.0, "gone": 1.0}}
    answer = explain(head(), pools, factors)
    assert [(c.pool, c.takes) for c in answer.candidates.values()] == [("slow", True), ("fast", False)]
    slow, fast = answer.candidates.values()
    assert (slow.cost, slow.wait) == (12.0, 0)
    assert (fast.cost, fast.wait) == (10.0, 2 * 1 * 10.0 / 4)
    assert slow.score == pytest.approx(10 / 12)
    assert {r.pool: r.reason for r in answer.rejected.values()} == {
        "sick": "ejected after failures",
        "gone": "no worker ready",
        "other": "not capable of code",
    }


POOLS = st.lists(
    st.builds(
        lambda free, busy, service, out: {"free": free, "slots": free + busy, "service": service, "out": out},
        st.integers(0, 5), st.integers(0, 5), st.floats(0.1, 100), st.booleans(),
    ),
    min_size=1, max_size=5,
)  # fmt: skip
HEADS = st.lists(
    st.builds(
        lambda kind, size, age, priority: {"type": kind, "size": size, "age": age, "priority": priority},
        st.sampled_from("ab"), st.floats(0.1, 100), st.floats(0, 1000), st.integers(0, 9),
    ),
    min_size=1, max_size=5,
)  # fmt: skip
FACTORS = st.dictionaries(st.sampled_from("ab"), st.dictionaries(st.sampled_from("01234"), st.floats(0.1, 10)))


@given(POOLS, HEADS, FACTORS, st.integers(1, 1000), st.floats(0, 0.3))
def test_every_match_is_allowed_and_agrees_with_its_explanation(
    pools: list[dict[str, Any]], heads: list[dict[str, Any]], factors: dict[str, Any], held: int, noise: float
) -> None:
    pools = [{**p, "name": str(i)} for i, p in enumerate(pools)]
    chosen = match(heads, pools, factors, held=held, noise=noise)
    explained = [explain(h, pools, factors, held=held, noise=noise) for h in heads]
    takers = {i: {c.pool for c in e.candidates.values() if c.takes} for i, e in enumerate(explained)}
    if chosen is None:
        assert not any(takers.values())
        return
    index, name = chosen
    assert name in takers[index]
    taken = next(p for p in pools if p["name"] == name)
    assert taken["free"] > 0
    assert name in factors[heads[index]["type"]]
    assert heads[index]["priority"] == max(h["priority"] for i, h in enumerate(heads) if takers[i])


@given(st.floats(0.1, 100), st.integers(1, 100))
def test_the_least_cost_pool_with_a_free_slot_never_refuses(size: float, held: int) -> None:
    pools = [pool("best"), pool("full", free=0), pool("worse")]
    factors = {"code": {"best": 1.0, "full": 1.0, "worse": 3.0}}
    assert match([head(size=size)], pools, factors, held=held) == (0, "best")
    assert math.isfinite(explain(head(size=size), pools, factors, held=held).bound)


ROUND = """
return function(match, open_round, choose, took, enter)
  local function count_down(pool, options)
    pool.free = pool.free - 1
    if pool.probe then pool.probe, pool.out = nil, true end
    options.held = math.max(options.held - 1, 1)
  end
  local function one_by_one(lanes, pools, factors, options)
    local released = {}
    while true do
      local heads, lane_of = {}, {}
      for lane, tasks in ipairs(lanes) do
        if tasks[1] then heads[#heads + 1], lane_of[#lane_of + 1] = tasks[1], lane end
      end
      local h, q = match(heads, pools, factors, options)
      if not h then return table.concat(released, ' ') end
      released[#released + 1] = lane_of[h] .. '>' .. pools[q].name
      table.remove(lanes[lane_of[h]], 1)
      count_down(pools[q], options)
    end
  end
  local function in_a_round(lanes, pools, factors, options)
    local heads, released = {}, {}
    for lane, tasks in ipairs(lanes) do heads[lane] = tasks[1] end
    local round = open_round(heads, pools, factors, options)
    while true do
      local h, q = choose(round)
      if not h then return table.concat(released, ' ') end
      released[#released + 1] = h .. '>' .. pools[q].name
      table.remove(lanes[h], 1)
      count_down(pools[q], options)
      took(round)
      enter(round, h, lanes[h][1])
    end
  end
  return one_by_one, in_a_round
end
"""
(ONE_BY_ONE, IN_A_ROUND) = LUA.execute(ROUND)(
    *load_into(LUA, "dispatcher/deciders/match.lua", "match", "open_round", "choose", "took", "enter")
)
LANES = st.lists(st.lists(HEADS.map(lambda heads: heads[0]), min_size=1, max_size=5), min_size=1, max_size=4)
EXCLUDED = st.sampled_from([{}, {}, {"0": True}, {"1": True, "2": True}])


@given(POOLS, LANES, FACTORS, st.integers(1, 200), st.sampled_from([0, 0.1]), st.sampled_from([None, None, "0", "1"]), EXCLUDED, st.booleans())
def test_a_round_releases_what_looking_anew_each_time_would(
    pools: list[dict[str, Any]], lanes: list[list[dict[str, Any]]], factors: dict[str, Any], held: int, noise: float, only: str | None,
    excluded: dict[str, bool], probes: bool,
) -> None:  # fmt: skip
    pools = [{**p, "name": str(i)} for i, p in enumerate(pools)]
    if probes:
        pools[0] |= {"out": False, "probe": True, "free": min(pools[0]["free"], 1)}
    lanes = [[{**task, "type": "ab"[n % 2], **({"excluded": excluded} if excluded else {})} for task in tasks] for n, tasks in enumerate(lanes)]
    options = {"hold": 2, "held": held, "noise": noise, **({"only_pool": only} if only else {})}
    arguments = (lanes, pools, factors, options)
    assert IN_A_ROUND(*(table(LUA, one) for one in arguments)) == ONE_BY_ONE(*(table(LUA, one) for one in arguments))
