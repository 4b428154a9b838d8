"""Who goes first: does priority reorder, does each tenant get its share, does nobody starve?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from rig import Rig

from fleet.dispatcher.tasks import cancel
from fleet.errors import ConfigurationError
from fleet.registry import roster


def drained(rig: Rig, pool: str, worker: str, count: int, *, teaches: bool = True) -> list[str]:
    """Run `count` tasks one after the other; returns their ids in the order they started."""
    order = []
    for _ in range(count):
        message = rig.start(pool, worker)
        order.append(message.task_id)
        if teaches:
            rig.end(message)
        else:
            cancel(message.task_id, "enough")
    return order


def test_higher_priority_goes_first_and_equals_in_order(declared: Callable[..., Rig]) -> None:
    rig = declared(pools={"a": {}})
    given = [5, 0, 9, 5, 7, 9, 0]
    tasks = [(rig.submit(priority=priority).id, priority) for priority in given]
    rig.worker("w", "a")
    order = drained(rig, "a", "w", len(tasks))
    assert order == [task for task, _ in sorted(tasks, key=lambda row: -row[1])]
    rig.check()


def test_priority_wins_across_task_types(declared: Callable[..., Rig]) -> None:
    rig = declared(pools={"a": {}}, task_types={"job": {}, "chore": {}})
    chores = [rig.submit("chore", priority=3).id for _ in range(3)]
    urgent = [rig.submit("job", priority=8).id for _ in range(3)]
    rig.worker("w", "a")
    assert drained(rig, "a", "w", 6) == urgent + chores


def test_a_bursting_tenant_does_not_delay_the_others(declared: Callable[..., Rig]) -> None:
    rig = declared(pools={"a": {}})
    for _ in range(60):
        rig.submit(tenant="loud")
    quiet = {rig.submit(tenant=f"quiet{n % 3}").id for n in range(9)}
    rig.worker("w", "a")
    order = drained(rig, "a", "w", 69)
    last = max(place for place, task in enumerate(order) if task in quiet)
    # Four tenants take turns: three tasks each of the quiet ones are through after about four rounds, not after sixty.
    assert last <= 24
    rig.check()


def test_weights_share_a_pool(declared: Callable[..., Rig]) -> None:
    rig = declared(pools={"a": {}}, tenants={"big": {"weight": 3}, "small": 1})
    owner = {rig.submit(tenant=tenant).id: tenant for _ in range(40) for tenant in ("big", "small")}
    rig.worker("w", "a")
    first = Counter(owner[task] for task in drained(rig, "a", "w", 40))
    assert 28 <= first["big"] <= 32
    drained(rig, "a", "w", 40)
    rig.check()


@pytest.mark.parametrize("weight", [0, -1, "heavy", True])
def test_a_weight_must_be_above_zero(declared: Callable[..., Rig], weight: object) -> None:
    with pytest.raises(ConfigurationError, match=r"tenants\.acme"):
        declared(tenants={"acme": {"weight": weight}})


def test_two_bursts_take_turns_whoever_came_first(declared: Callable[..., Rig]) -> None:
    rig = declared(pools={"a": {}})
    rig.worker("w", "a")
    for _ in range(20):
        rig.submit(tenant="first")
    second = {rig.submit(tenant="second").id for _ in range(20)}
    order = drained(rig, "a", "w", 20, teaches=False)
    assert 5 <= sum(task in second for task in order) <= 12
    drained(rig, "a", "w", 20, teaches=False)
    assert rig.store.hget(rig.key("fair"), "#tenants") == "0"
    rig.check()


def test_fast_pools_get_more_than_their_slots_to_hide_the_hand_off(declared: Callable[..., Rig]) -> None:
    # What the pool learns of its speed is real: a second and more per task, as no pause of this machine takes, leaves the credit whole.
    rig = declared(pools={"a": {}}, settings={"dispatch": {"hand_off_threshold_seconds": 9.0}})
    rig.worker("w", "a", 2)
    for _ in range(60):
        rig.submit()
    assert rig.inflight("a") == 2, "nothing is known of its speed yet"
    rig.end(rig.start("a", "w"))
    rig.store.hset(rig.key("service"), "a", "0.001")
    rig.tick()
    assert rig.inflight("a") == 18, "its slots, and eight more for each"
    for _ in range(40):
        rig.end(rig.start("a", "w"))
        assert 10 <= rig.inflight("a") <= 18, "refilled by many at once"
    rig.store.hset(rig.key("service"), "a", "5")
    for _ in range(10):
        rig.end(rig.start("a", "w"))
    rig.check()


def test_speed_is_learned_and_the_faster_pool_preferred(declared: Callable[..., Rig]) -> None:
    rig = declared(pools={"a": {"speed": 4.0}, "b": {"speed": 1.0}})
    rig.worker("wa", "a")
    rig.worker("wb", "b")
    assert rig.submit().submission.pool == "b"


def test_a_slow_slot_stays_idle_when_waiting_for_the_fast_one_is_sooner(declared: Callable[..., Rig]) -> None:
    rig = declared(pools={"slow": {"speed": 50.0}, "fast": {"speed": 1.0}}, settings={"dispatch": {"hold": 1.0}})
    rig.store.hset(rig.key("service"), mapping={"slow": 50, "fast": 1})
    rig.worker("ws", "slow")
    rig.worker("wf", "fast")
    first, second = rig.submit(), rig.submit()
    assert (first.submission.pool, second.status) == ("fast", "held")
    rig.end(rig.start("fast", "wf"))
    assert rig.start("fast", "wf").task_id == second.id


def test_an_idle_slow_slot_is_taken_once_enough_tasks_wait(declared: Callable[..., Rig]) -> None:
    rig = declared(pools={"slow": {"speed": 4.0}, "fast": {"speed": 1.0}}, settings={"dispatch": {"hold": 2.0}})
    rig.store.hset(rig.key("service"), mapping={"slow": 4, "fast": 1})
    rig.worker("ws", "slow")
    rig.worker("wf", "fast")
    first, second = rig.submit(), rig.submit()
    assert (first.submission.pool, second.status) == ("fast", "held"), "the fast slot is free again sooner than the slow one is done"
    third = rig.submit()
    assert (second.status, third.status) == ("released", "held"), "two would wait too long for it"
    assert rig.start("slow", "ws").task_id == second.id
    rig.check()


def test_a_slot_that_became_free_is_filled_together_with_idle_ones(declared: Callable[..., Rig]) -> None:
    rig = declared(pools={"slow": {"speed": 4.0}, "fast": {"speed": 1.0}}, settings={"dispatch": {"hold": 2.0}})
    rig.store.hset(rig.key("service"), mapping={"slow": 4, "fast": 1})
    rig.worker("wf", "fast")
    for _ in range(4):
        rig.submit()
    roster.register("ws", "slow", 1, {"agent_type": "tester", "pid": 1, "hostname": "here", "version": "0", "contracts": ""})
    cancel(rig.start("fast", "wf").task_id, "enough")
    assert (rig.inflight("fast"), rig.inflight("slow")) == (1, 1)
    rig.check()


def test_a_pool_found_slow_is_forgiven_while_it_is_left_alone(declared: Callable[..., Rig]) -> None:
    rig = declared()
    rig.worker("w", "a")
    rig.store.hset(rig.key("factors:job"), "a", 6.0)
    suspect = {"v:job": 1, "n:job": 50, "test_expected": 50, "test_done": 6, "test_rate": 0, "test_grey": 6, "grey": 6}
    rig.store.hset(rig.key("stats:a"), mapping=suspect)  # type: ignore[arg-type]
    rig.store.hset(rig.key("stats:a"), "test_at", str(float(rig.store.time()[0]) - 1800))  # type: ignore[index]
    rig.tick()
    assert float(rig.store.hget(rig.key("factors:job"), "a")) == pytest.approx(1.0, abs=0.1)  # type: ignore[arg-type]
def test_a_task_whose_worker_is_lost_is_the_next_not_the_last(declared: Callable[..., Rig]) -> None:
    rig = declared()
    rig.worker("w", "a")
    first = rig.submit()
    message = rig.start("a", "w")
    for _ in range(3):
        rig.submit()
    assert rig.end(message, "lost", reason="killed") == "held"
    assert rig.start("a", "w").task_id == first.id


def test_a_tenant_is_charged_slots_whatever_sizes_are_measured_in(declared: Callable[..., Rig]) -> None:
    """Sizes are relative to an average pool: were they all three times too large, no tenant would have used more for it."""
    rig = declared(pools={"a": {}}, settings={"dispatch": {"hold": 0.0}})
    rig.worker("w", "a", 1)
    rig.submit(tenant="other")
    rig.store.hset(rig.key("fair"), mapping={"#worked": 2.0, "#predicted": 6.0})
    rig.store.set(rig.key("size:job"), "100 6 0 0 0 0 0 1 1")
    first, second = rig.submit(tenant="t"), rig.submit(tenant="t")
    tags = [float(rig.store.hget(rig.key(f"task:{task.id}"), "tag")) for task in (first, second)]  # type: ignore[arg-type]
    assert tags[1] - tags[0] == pytest.approx(6 * 2 / 6 * 2, abs=0.5), "predicted 6 s, which take 2 s, at half of one slot"
