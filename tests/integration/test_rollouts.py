"""Does a version get exactly its share, and does everything it leaves behind run on the old one?"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner
from rig import Rig

from fleet.cli import rollout as command
from fleet.dispatcher import declare, rollouts
from fleet.dispatcher.rollout import Rules
from fleet.errors import ConfigurationError, Conflict, NotFound, UnknownName

EAGER = Rules(least_tried=5)


@pytest.fixture
def rig(declared: Callable[..., Rig]) -> Rig:
    """One pool with room for everything, and a version of it beside it."""
    rig = declared(pools={"a": {"slots": 500}})
    rollouts.start("a", "2", 20, [20, 50, 100], step_seconds=0)
    rig.worker("old", "a", 500)
    rig.worker("new", "a@2", 500)
    return rig


def play(rig: Rig, count: int, new_outcome: str = "done") -> tuple[int, int]:
    """Submit, and run everything to its end; returns how many the new and the old version ran."""
    for _ in range(count):
        rig.submit()
    ran = {"a@2": 0, "a": 0}
    for pool, worker, outcome in (("a@2", "new", new_outcome), ("a", "old", "done")):
        while rig.store.llen(f"fleet.{pool}"):
            rig.end(rig.start(pool, worker), outcome, **({"reason": "broken"} if outcome == "retry" else {}))
            ran[pool] += 1
    return ran["a@2"], ran["a"]


def state(pool: str = "a") -> tuple[str, float]:
    [row] = [row for row in rollouts.every() if row.pool == pool]
    return row.state, row.share


def test_the_share_is_kept_and_nobody_elses_task_gets_there(rig: Rig) -> None:
    new, old = play(rig, 400)
    assert new + old == 400
    assert 50 <= new <= 110
    assert not rig.store.hexists(rig.key("factors:job"), "a@2")
    declare.publish()
    assert rig.store.hget(rig.key("queues"), "a@2") == "fleet.a@2"
    rig.check()


def test_a_good_version_is_promoted_step_by_step(rig: Rig) -> None:
    seen = []
    for _ in range(4):
        play(rig, 100)
        rollouts.judge_all(EAGER)
        seen.append(state())
    assert seen == [("running", 50.0), ("running", 100.0), ("promoted", 100.0), ("promoted", 100.0)]
    assert play(rig, 20) == (20, 0)


def test_a_broken_version_is_taken_back_and_every_task_ends_done(rig: Rig) -> None:
    ids = [rig.submit().submission.task_id for _ in range(100)]
    failed = []
    while rig.store.llen("fleet.a@2"):
        message = rig.start("a@2", "new")
        rig.end(message, "retry", reason="broken")
        failed.append(message.task_id)
    [(_, decision)] = rollouts.judge_all(EAGER)
    assert decision.action == "roll_back"
    assert state() == ("rolled_back", 0.0)
    new, _ = rollouts.records(rollouts.every()[0])
    assert (new.tried, new.succeeded) == (len(failed), 0)  # the evidence stays
    while rig.store.llen("fleet.a"):
        rig.end(rig.start("a", "old"))
    assert {rig.state(one) for one in ids} == {"done"}
    assert {rig.record(one).pool for one in failed} == {"a"}
    assert rig.record(failed[0]).excluded == ("a@2",)
    rollouts.unbind_strays()
    assert not rig.store.hexists(rig.key("queues"), "a@2")
    rig.check()


def test_tasks_waiting_for_a_version_that_is_aborted_go_elsewhere(declared: Callable[..., Rig]) -> None:
    rig = declared(pools={"a": {"slots": 1}})
    rollouts.start("a", "2", 100)
    rig.worker("new", "a@2", 1)
    ids = [rig.submit().submission.task_id for _ in range(5)]
    assert rig.store.zcard(rig.key("held:@a@2")) == 4
    first = rig.start("a@2", "new")
    assert rig.record(first.task_id).decision["cause"] == "rollout"
    rig.end(first)
    rollouts.abort("a")
    rig.worker("old", "a", 5)
    while rig.store.llen("fleet.a"):
        rig.end(rig.start("a", "old"))
    rig.end(rig.start("a@2", "new"))  # what was released to it, it finishes
    assert {rig.state(one) for one in ids} == {"done"}
    rig.check()


def test_a_version_without_workers_gets_nothing(declared: Callable[..., Rig]) -> None:
    rig = declared(pools={"a": {"slots": 5}})
    rig.worker("old", "a", 5)
    rollouts.start("a", "2", 100)
    assert rig.submit().submission.pool == "a"


def test_a_declared_version_gets_nothing_of_its_own_accord(declared: Callable[..., Rig]) -> None:
    one = {"a": {"module": "agents.nothing", "runs": ["job"]}}
    rig = declared(pools={"a": {"slots": 5}, "a@2": {"agent_type": "a", "slots": 5}}, agent_types=one)
    rig.worker("new", "a@2", 5)
    assert rig.submit().submission.pool is None
    rollouts.start("a", "2", 100)
    assert rig.submit().submission.pool == "a@2"


def test_what_cannot_be_is_refused(rig: Rig) -> None:
    with pytest.raises(Conflict, match=r"a@2 is running at 20 %"):
        rollouts.start("a", "3", 10)
    with pytest.raises(UnknownName, match="unknown pool 'b'"):
        rollouts.start("b", "2", 10)
    rollouts.abort("a")
    with pytest.raises(Conflict, match="aborted already"):
        rollouts.promote("a")
    with pytest.raises(NotFound, match="no version of 'zz'"):
        rollouts.abort("zz")
    for version, share, steps in (("Bad Name", 10, []), ("2", 0, []), ("2", 50, [10]), ("2", 10, [200])):
        with pytest.raises(ConfigurationError):
            rollouts.start("a", version, share, steps)


def test_the_commands_say_what_is(declared: Callable[..., Rig]) -> None:
    declared(pools={"a": {}})

    def run(*arguments: str) -> Any:
        result = CliRunner().invoke(command.group, [*arguments, "--json"], input="y\n", catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    assert run("start", "a", "--version", "2", "--share", "20")["steps"] == [20.0, 50.0, 100.0]
    [row] = run("status")
    assert row["rollout"]["state"] == "running"
    assert row["new"]["tried"] == 0
    assert run("promote", "a")["share"] == 100.0
    assert run("abort", "a")["state"] == "aborted"
