"""Does a tick turn what is in the store into targets that can be obeyed, explained and trusted?"""

from __future__ import annotations

import json

import pytest
import redis

from fleet.catalogue.declaration import AgentType, Catalogue, Pool, TaskType
from fleet.errors import UnknownName
from fleet.scaling import snapshot
from fleet.scaling.gather import gather
from fleet.scaling.orders import Order, Orders, checked
from fleet.scaling.published import StaleTarget, metric_value
from fleet.scaling.refresh import refresh
from fleet.scaling.target_store import TargetStore
from fleet.settings import ScalingSettings
from fleet.store import keys

CELL = "main"
P = keys.prefix(CELL)
SETTINGS = ScalingSettings(interval_seconds=0.02)


def catalogue(**changed: int) -> Catalogue:
    pools = {
        "cheap": Pool(
            name="cheap", agent_type="code", slots=2, min_replicas=0, max_replicas=5, price_per_replica_hour_usd=0.2
        ),
        "fast": Pool(
            name="fast", agent_type="code", slots=4, min_replicas=0, max_replicas=5, price_per_replica_hour_usd=2.0
        ),
    }
    if changed:
        pools["cheap"] = pools["cheap"].model_copy(update=changed)
    return Catalogue(
        agent_types={"code": AgentType(name="code", module="workers.code", runs=("code_generation",))},
        task_types={"code_generation": TaskType(name="code_generation", expected_seconds=10.0)},
        pools=pools,
        compatibility={},
    )


def hold(store: redis.Redis, tasks: int, lane: str = "code_generation") -> None:
    store.sadd(f"{P}lanes", lane)
    store.zadd(f"{P}held:{lane}", {f"t{index}": index for index in range(tasks)})
    store.hset(f"{P}factors:{lane}", mapping={"cheap": 1.2, "fast": 2.0})


def run(store: redis.Redis, pool: str, started: int, seconds: float, late: int = 0, running: int = 0) -> None:
    booked = f"{P}arrivals:{pool}"
    store.hincrby(booked, "started", started)
    store.hincrbyfloat(booked, "seconds", seconds)
    store.hincrbyfloat(booked, "squares", seconds**2 / max(started, 1))
    store.hincrby(booked, "late", late)
    store.hset(f"{P}inflight", pool, running)


def tick(store: redis.Redis, declared: Catalogue | None = None) -> dict[str, int]:
    """Refresh as soon as the interval lets it."""
    from eventually import eventually

    targets = eventually(lambda: refresh(store, CELL, declared or catalogue(), SETTINGS), timeout=5)
    return {target.pool: target.replicas for target in targets}


def test_nothing_to_do_is_zero_and_held_work_wakes_the_cheapest_pool(store: redis.Redis) -> None:
    assert tick(store) == {"cheap": 0, "fast": 0}
    hold(store, 3)
    woken = tick(store)
    assert woken["cheap"] >= 1
    assert woken["fast"] == 0
    assert TargetStore(store, CELL).working(["cheap", "fast"]) == {"cheap": True, "fast": False}


def test_running_work_keeps_a_pool_alive(store: redis.Redis) -> None:
    tick(store)
    run(store, "fast", started=1, seconds=10.0, running=1)
    store.hset(f"{P}slots", "fast", 4)
    assert tick(store)["fast"] >= 1
    assert TargetStore(store, CELL).working(["fast"]) == {"fast": True}


def test_a_backlog_no_cheap_pool_can_hold_spills_over(store: redis.Redis) -> None:
    hold(store, 500)
    tick(store)
    assert tick(store)["fast"] >= 1


def test_sums_are_counted_once_and_resets_do_not_go_negative(store: redis.Redis) -> None:
    run(store, "cheap", started=50, seconds=500.0)
    declared = catalogue()
    first = gather(store, CELL, declared, 0.0)
    before = snapshot.snapshots(first, declared, {}, {}, 30.0)
    assert before[0][0].arrived == 0
    run(store, "cheap", started=10, seconds=100.0, late=2)
    second = snapshot.snapshots(gather(store, CELL, declared, 0.0), declared, before[1], {}, 30.0)
    assert (second[0][0].started, second[0][0].late) == (10, 2)
    store.delete(f"{P}arrivals:cheap")
    run(store, "cheap", started=3, seconds=30.0)
    third = snapshot.snapshots(gather(store, CELL, declared, 0.0), declared, second[1], {}, 30.0)
    assert third[0][0].started == 3


def test_held_tasks_arrive_once(store: redis.Redis) -> None:
    declared = catalogue()
    counters = snapshot.snapshots(gather(store, CELL, declared, 0.0), declared, {}, {}, 30.0)[1]
    hold(store, 4)
    seen, counters = snapshot.snapshots(gather(store, CELL, declared, 0.0), declared, counters, {}, 30.0)
    assert (seen[0].arrived, seen[0].held) == (4, 4)
    store.delete(f"{P}held:code_generation", f"{P}lanes")
    run(store, "cheap", started=4, seconds=40.0)
    seen, _ = snapshot.snapshots(gather(store, CELL, declared, 0.0), declared, counters, {}, 30.0)
    assert (seen[0].arrived, seen[0].started) == (0, 4)


def test_a_target_carries_everything_that_led_to_it(store: redis.Redis) -> None:
    hold(store, 100)
    tick(store, catalogue(max_replicas=2))
    kept = TargetStore(store, CELL)
    recorded = kept.described("cheap")
    assert recorded is not None
    assert (recorded["replicas"], recorded["binding"]) == (2, "maximum")
    assert {limit["name"] for limit in recorded["considered"]} >= {"minimum", "maximum", "work"}
    assert recorded["snapshot"]["held"] > 0
    assert recorded["reason"].startswith("the pool may have at most 2")
    assert [entry["replicas"] for entry in kept.history("cheap")] == [2]
    published = kept.targets(["cheap"]).get("cheap")
    assert published is not None
    assert 0.0 <= published.age_seconds < 5.0


def test_history_is_ordered_bounded_and_limited(store: redis.Redis) -> None:
    for _ in range(3):
        tick(store)
    entries = TargetStore(store, CELL).history("fast")
    assert len(entries) == 3
    assert [entry["at"] for entry in entries] == sorted(entry["at"] for entry in entries)
    assert TargetStore(store, CELL).history("fast", limit=1) == entries[-1:]


def test_a_pin_binds_until_it_is_taken_away(store: redis.Redis) -> None:
    orders, now = Orders(store, CELL), TargetStore(store, CELL).now()
    orders.pin(Order("fast", 3, "operator", "release day", now))
    assert tick(store)["fast"] == 3
    recorded = TargetStore(store, CELL).described("fast")
    assert recorded is not None
    assert recorded["binding"] == "pin"
    taken = orders.unpin("fast")
    assert taken is not None
    assert taken.why == "release day"
    assert orders.unpin("fast") is None
    tick(store)
    assert tick(store)["fast"] <= 3


def test_an_order_that_ran_out_is_forgotten(store: redis.Redis) -> None:
    orders = Orders(store, CELL)
    orders.raise_floor(Order("fast", 2, "high_error_rate", "alert", 100.0, until=200.0))
    assert orders.floors(150.0)["fast"].replicas == 2
    assert orders.floors(200.0) == {}
    assert store.hlen(keys.floors(CELL)) == 0


@pytest.mark.parametrize(("pool", "replicas"), [("fats", 1), ("fast", 99), ("fast", -1)])
def test_impossible_orders_are_refused(pool: str, replicas: int) -> None:
    with pytest.raises(Exception, match=r"did you mean 'fast'|use 0 to 5"):
        checked(pool, replicas, {"fast": (0, 5)})


def test_an_alerts_floor_and_emergency_mode_bind(store: redis.Redis) -> None:
    now = TargetStore(store, CELL).now()
    Orders(store, CELL).raise_floor(Order("fast", 2, "high_error_rate", "alert", now, until=now + 60))
    assert tick(store)["fast"] == 2
    Orders(store, CELL).lower_floor("fast")
    store.hset(f"{P}emergency", mapping={"since": now, "until": now + 60, "why": "test"})
    assert tick(store)["fast"] == 2
    recorded = TargetStore(store, CELL).described("fast")
    assert recorded is not None
    assert recorded["binding"] == "emergency"


def test_a_provider_quota_caps_and_is_named(store: redis.Redis) -> None:
    store.hset(f"{P}quotas", "openai/gpt-5", "0 6000")
    for index in range(5):
        call = {"call": str(index), "at": "1", "task": str(index), "agent": "code", "provider": "openai"}
        store.xadd(f"{P}ledger", {**call, "model": "gpt-5", "input": "500", "output": "500", "micros": "1000"})
    hold(store, 300)
    tick(store)
    recorded = TargetStore(store, CELL).described("cheap")
    assert recorded is not None
    assert recorded["binding"] == "quota"
    assert "at 1,000 tokens a task" in recorded["reason"]


def test_a_quota_of_requests_binds_over_every_model_of_its_provider(store: redis.Redis) -> None:
    store.hset(f"{P}quotas", mapping={"openai/gpt-5": "0 9000000", "openai/*": "3 0"})
    for index in range(10):
        call = {"call": str(index), "at": "1", "task": str(index // 2), "agent": "code", "provider": "openai"}
        store.xadd(f"{P}ledger", {**call, "model": "gpt-5", "input": "500", "output": "500", "micros": "1000"})
    hold(store, 300)
    tick(store)
    recorded = TargetStore(store, CELL).described("cheap")
    assert recorded is not None
    assert recorded["binding"] == "quota"
    assert "openai/* allows this pool" in recorded["reason"]
    assert "at 2 requests a task" in recorded["reason"]


def test_two_runners_do_not_count_a_tick_twice(store: redis.Redis) -> None:
    slow = ScalingSettings(interval_seconds=30.0)
    assert refresh(store, CELL, catalogue(), slow) is not None
    assert refresh(store, CELL, catalogue(), slow) is None


def test_a_state_of_another_version_is_read_as_far_as_it_is_known(store: redis.Redis) -> None:
    tick(store)
    row = json.loads(store.hget(keys.scaling_states(CELL), "fast") or "{}")
    row["state"] = {"pool": "fast", "headroom": 2.5, "dropped_since": True}
    store.hset(keys.scaling_states(CELL), "fast", json.dumps(row))
    state = TargetStore(store, CELL).remembered(["fast"])[0]["fast"]
    assert (state.headroom, state.loads) == (2.5, ())


def test_a_fleet_without_memory_does_not_start_by_closing_pools(store: redis.Redis) -> None:
    store.hset(f"{P}slots", "fast", 12)
    assert tick(store)["fast"] == 3


def test_a_held_lease_keeps_a_second_runner_out(store: redis.Redis) -> None:
    store.set(f"{P}lease:targets", "somebody", px=60_000)
    assert refresh(store, CELL, catalogue(), SETTINGS) is None
    assert store.exists(keys.targets(CELL)) == 0


def test_a_pool_no_longer_declared_has_no_target(store: redis.Redis) -> None:
    tick(store)
    declared = catalogue()
    only = declared.model_copy(update={"pools": {"fast": declared.pools["fast"]}})
    tick(store, only)
    assert TargetStore(store, CELL).pools() == {"fast"}
    assert TargetStore(store, CELL).targets(["cheap"]) == {}


def test_last_weeks_load_is_expected_again(store: redis.Redis) -> None:
    from fleet.scaling import season

    kept = TargetStore(store, CELL)
    now = 1_800_000_000.0
    slot, yesterday = season.consulted(now)
    store.setrange(keys.season(CELL, "fast"), yesterday * season.CHARACTERS_PER_SLOT, season.written(7.5))
    assert kept.seasonal(["fast", "cheap"], now) == {"fast": 7.5, "cheap": None}
    store.setrange(keys.season(CELL, "fast"), slot * season.CHARACTERS_PER_SLOT, season.written(123.25))
    assert kept.seasonal(["fast"], now)["fast"] == pytest.approx(123.2, abs=0.1)


def test_decisions_are_counted_by_direction(store: redis.Redis) -> None:
    hold(store, 30)
    tick(store, catalogue(max_replicas=2))
    tick(store, catalogue(max_replicas=2))
    counted = store.hgetall(f"{P}metrics")
    assert counted["fleet_scaling_decisions_total|cheap|up"] == "1"
    assert counted["fleet_scaling_decisions_total|cheap|same"] == "1"


def test_the_metrics_api_answers_as_the_scaler_does(store: redis.Redis) -> None:
    hold(store, 30)
    tick(store, catalogue(max_replicas=2))
    kept = TargetStore(store, CELL)
    assert metric_value(kept, "cheap", 0.0, 60.0) == 2.0
    with pytest.raises(UnknownName, match="did you mean 'cheap'"):
        metric_value(kept, "chaep", 0.0, 60.0)
    with pytest.raises(StaleTarget):
        metric_value(kept, "cheap", 0.0, -1.0)


def test_every_key_left_behind_is_declared(store: redis.Redis) -> None:
    hold(store, 3)
    run(store, "cheap", 1, 10.0)
    Orders(store, CELL).pin(Order("fast", 1, "me", "test", 0.0))
    tick(store)
    undeclared = [key for key in store.scan_iter() if not keys.pattern().fullmatch(key)]
    assert undeclared == []
    assert json.loads(store.hget(keys.pins(CELL), "fast") or "{}")["by"] == "me"


def test_unknown_names_are_configuration_errors() -> None:
    with pytest.raises(UnknownName):
        checked("nobody", 1, {})
