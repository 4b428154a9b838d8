"""Does a task only go to workers that understand it, while old and new builds run side by side?"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rig import Rig

from fleet.alerts.sources import stranded as source
from fleet.catalogue.declaration import TaskType
from fleet.dispatcher import contracts, rollouts
from fleet.dispatcher.explanation import explain
from fleet.registry import roster

OLD, NEW, BOTH = "job#1", "job#2", "job#1 job#2"


def second(declared: Callable[..., Rig], **more: object) -> Rig:
    """A fleet whose producers already make the second contract."""
    return declared(task_types={"job": {"contract": 2, "understands": [1]}}, **more)


def test_a_new_task_waits_for_workers_that_understand_it(declared: Callable[..., Rig]) -> None:
    rig = second(declared, pools={"a": {}})
    rig.worker("old", "a", 5, OLD)
    answer = rig.submit().submission
    assert (answer.answer, answer.pool) == ("accepted", None)
    assert answer.reason == "held until all workers of a pool understand contract 2"
    assert f" x {'a':24} not all of its workers understand contract 2" in explain(answer.task_id).lines()
    rig.worker("new", "a", 5, BOTH)
    assert rig.state(answer.task_id) == "held"  # they share a queue: the old one could take it
    roster.drain("old")
    rig.tick()
    assert rig.state(answer.task_id) == "released"
    rig.end(rig.start("a", "new"))
    rig.check()


def test_old_tasks_go_on_beside_new_ones_that_wait(declared: Callable[..., Rig]) -> None:
    rig = declared(pools={"a": {}})
    rig.worker("old", "a", 1, OLD)
    running = rig.submit().submission.task_id
    waiting = rig.submit().submission.task_id
    second(declared, pools={"a": {}})
    alien = [rig.submit().submission.task_id for _ in range(6)]
    rig.end(rig.start("a", "old"))
    assert rig.state(waiting) == "released"
    assert {rig.state(one) for one in alien} == {"held"}
    rig.end(rig.start("a", "old"))
    assert rig.state(running) == "done"
    roster.leave("old")
    rig.worker("new", "a", 6, BOTH)
    assert {rig.state(one) for one in alien} == {"released"}
    rig.check()


def test_another_pool_that_understands_it_takes_it(declared: Callable[..., Rig]) -> None:
    rig = second(declared)
    rig.worker("old", "a", 5, OLD)
    rig.worker("new", "b", 5, NEW)
    assert rig.submit().submission.pool == "b"
    rig.check()


@pytest.mark.parametrize("strategy", ["round_robin", "least_connections", "ai_optimized"])
def test_early_strategies_pass_over_pools_that_do_not(declared: Callable[..., Rig], strategy: str) -> None:
    rig = declared(task_types={"job": {"contract": 2, "strategy": strategy}})
    rig.worker("old", "a", 5, OLD)
    ids = [rig.submit().submission.task_id for _ in range(2)]
    assert {rig.state(one) for one in ids} == {"held"}
    rig.worker("new", "b", 9, NEW)
    ids += [rig.submit().submission.task_id for _ in range(4)]
    assert {rig.record(one).pool for one in ids} == {"b"}
    rig.check()


def test_what_is_bound_to_a_pool_that_went_back_is_given_back(declared: Callable[..., Rig]) -> None:
    rig = declared(task_types={"job": {"contract": 2, "strategy": "round_robin"}}, pools={"a": {}})
    rig.worker("new", "a", 1, NEW)
    first, bound = (rig.submit().submission.task_id for _ in range(2))
    assert rig.store.zcard(rig.key("held:@a")) == 1
    roster.leave("new")
    rig.worker("old", "a", 5, OLD)
    message = rig.take("a")
    assert message is not None
    rig.end(message, "back", reason="not understood")  # as the old worker does with what was released already
    rig.tick()
    assert {rig.state(first), rig.state(bound)} == {"held"}
    assert rig.store.zcard(rig.key("held:job#2")) == 2
    rig.worker("newer", "a", 2, NEW)
    roster.leave("old")
    rig.tick()
    for _ in range(2):
        rig.end(rig.start("a", "newer"))
    assert {rig.state(first), rig.state(bound)} == {"done"}
    rig.check()


def test_what_waits_bound_to_a_pool_that_understands_it_stays_bound(declared: Callable[..., Rig]) -> None:
    rig = declared(task_types={"job": {"contract": 2, "strategy": "round_robin"}})
    rig.worker("wa", "a", 1, NEW)
    rig.worker("wb", "b", 1, NEW)
    ids = [rig.submit().submission.task_id for _ in range(6)]
    bound = {one: rig.store.hget(rig.key(f"task:{one}"), "bound") for one in ids}
    for pool in ("a", "b"):
        while rig.inflight(pool):
            rig.end(rig.start(pool, f"w{pool}"))
    assert {one: (rig.state(one), rig.record(one).pool) for one in ids} == {one: ("done", pool) for one, pool in bound.items()}
    rig.check()


def test_a_rolled_out_version_gets_no_task_it_does_not_understand(declared: Callable[..., Rig]) -> None:
    rig = second(declared, pools={"a": {}})
    rig.worker("old", "a", 5, BOTH)
    rollouts.start("a", "x", 100)
    rig.worker("odd", "a@x", 5, OLD)
    assert rig.submit().submission.pool == "a"
    roster.leave("odd")
    rig.worker("even", "a@x", 5, NEW)
    assert rig.submit().submission.pool == "a@x"
    rig.check()


def test_workers_that_announce_nothing_understand_the_first_contract(declared: Callable[..., Rig]) -> None:
    rig = declared(pools={"a": {}})
    rig.worker("older", "a", 2)
    assert rig.submit().submission.pool == "a"
    second(declared, pools={"a": {}})
    assert rig.submit().submission.pool is None
    rig.check()


def test_a_pool_at_zero_is_woken_by_what_waits(declared: Callable[..., Rig]) -> None:
    from fleet.catalogue import current as catalogue
    from fleet.scaling.gather import gather
    from fleet.scaling.work import working
    from fleet.store.client import connect

    rig = second(declared, pools={"a": {"min_replicas": 0}})
    rig.submit()
    assert "a" in working(connect(), "main")
    assert gather(connect(), "main", catalogue(), 0.0).held == {"job": 1}


def test_tasks_tell_who_made_them(declared: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_BUILD", "1.4.0+abc")
    rig = second(declared, pools={"a": {}})
    task_id = rig.submit().submission.task_id
    assert (explain(task_id).made_by, explain(task_id).contract) == ("1.4.0+abc", 2)
    assert "made by build 1.4.0+abc, contract 2" in explain(task_id).lines()


def test_a_worker_refuses_what_it_was_not_made_for(declared: Callable[..., Rig]) -> None:
    second(declared, pools={"a": {}})
    assert contracts.refusal(SimpleNamespace(fleet_contract=1), "job") == ""
    assert contracts.refusal(SimpleNamespace(), "job") == ""
    said = contracts.refusal(SimpleNamespace(fleet_contract=3, fleet_build="9"), "job")
    assert said.startswith("contract 3 of job, made by 9, is not understood by build 0.")
    assert said.endswith("which knows 1, 2")


def test_a_contract_from_the_future_is_a_mistake_in_the_catalogue() -> None:
    with pytest.raises(ValueError, match="understands 2, which is not older than its contract 2"):
        TaskType(name="job", contract=2, understands=(2,))


WORKERS = ("w1", "w2", "w3")
STEP = st.one_of(
    st.tuples(st.just("join"), st.sampled_from(WORKERS), st.sampled_from((OLD, NEW, BOTH))),
    st.tuples(st.sampled_from(("drain", "undrain", "leave", "silence")), st.sampled_from(WORKERS), st.just("")),
    st.tuples(st.just("submit"), st.sampled_from(("1", "2")), st.just("")),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEP, max_size=25))
def test_nothing_is_released_to_a_pool_with_a_worker_that_would_have_to_guess(
    declared: Callable[..., Rig], steps: list[tuple[str, str, str]]
) -> None:
    rig = declared(pools={"a": {}})
    rig.store.flushdb()
    serving: dict[str, str] = {}
    declarations = {"1": lambda: declared(pools={"a": {}}), "2": lambda: second(declared, pools={"a": {}})}
    for verb, name, words in steps:
        before = rig.store.llen("fleet.a")
        if verb == "submit":
            declarations[name]()
            task_id = rig.submit().submission.task_id
            if rig.state(task_id) == "released":
                assert all(f"job#{name}" in known for known in serving.values()), (name, serving)
        elif verb == "join":
            serving[name] = words
            rig.worker(name, "a", 50, words)
        elif verb == "silence":
            if name in serving:
                rig.silence(name)
                del serving[name]
                rig.tick()
        elif {"drain": roster.drain, "undrain": roster.undrain, "leave": roster.leave}[verb](name) == "idle":
            serving.setdefault(name, rig.store.hget(rig.key(f"worker:{name}"), "contracts") or "")  # type: ignore[arg-type]
        elif verb != "undrain":
            serving.pop(name, None)
        assert rig.store.llen("fleet.a") >= before
    rig.check()


def test_what_nobody_can_take_is_counted_by_what_is_missing(declared: Callable[..., Rig]) -> None:
    rig = declared(pools={"a": {}}, task_types={"job": {"contract": 2}, "other": {}})

    def missing() -> dict[str, float]:
        return {dict(one.labels)["missing"]: one.value for one in source.read(rig.store, "main", 0.0)}

    rig.submit()
    rig.submit()
    assert missing() == {"pool": 2.0}  # nobody is there yet
    rig.worker("old", "a", 5, "job#1 other#1")
    assert missing() == {"contract": 2.0}
    rig.submit("other")  # runs: its contract is known
    assert missing() == {"contract": 2.0}
    roster.leave("old")
    rig.worker("new", "a", 5, "job#2 other#1")
    assert missing() == {}
