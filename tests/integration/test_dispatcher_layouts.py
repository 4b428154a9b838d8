"""Is a cell of an older build taken over with its tasks, and one of a newer build refused?"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner
from rig import Rig

from fleet.cli.config import config
from fleet.dispatcher import declare, layouts
from fleet.errors import ConfigurationError

OLD = {
    "type": "job", "tenant": "t", "state": "held", "attempt": "0", "priority": "7", "size": "1", "submitted": "1", "held": "1",
    "strategy": "late_binding", "max_attempts": "5", "agent_type": "a", "goal": "12", "complexity": "0.9", "lane": "job",
}  # fmt: skip


def test_an_empty_cell_gets_the_newest(declared: Callable[..., Rig]) -> None:
    declared()
    assert layouts.read().version == layouts.VERSION
    assert layouts.ensure() == 0


def test_tasks_of_the_layout_before_are_taken_over(declared: Callable[..., Rig]) -> None:
    rig = declared(pools={"a": {}})
    made = rig.submit("job", tenant="t", priority=7).submission.task_id
    key = rig.key(f"task:{made}")
    rig.store.delete(rig.key("layout"))
    rig.store.hdel(key, "profile")
    rig.store.hset(
        key, mapping={name: value for name, value in OLD.items() if name not in ("tag", "held", "submitted")}
    )
    assert layouts.read() == layouts.Layout(1, 1, "")
    assert layouts.ensure() == 1
    assert layouts.ensure() == 0
    rig.worker("w", "a")
    message = rig.start("a", "w")
    record = rig.record(message.task_id)
    assert (record.task_id, record.strategy, record.tenant, record.contract) == (made, "late_binding", "t", 1)
    for attempt in range(4):  # the limit of five attempts came along
        assert rig.end(message, "retry", reason="again") == "retry", attempt
        message = rig.start("a", "w")
    assert rig.end(message, "retry", reason="again") == "dead"
    rig.check()


def test_a_cell_of_a_newer_build_is_refused_before_anything_is_touched(declared: Callable[..., Rig]) -> None:
    rig = declared()
    future = {"version": 9, "readable_from": 8, "written_by": "4.0.0"}
    rig.store.hset(rig.key("layout"), mapping=future)
    rig.store.delete(rig.key("queues"))
    with pytest.raises(
        ConfigurationError,
        match=r"layout 9, written by build 4\.0\.0 and readable by builds that know layout 8; this one",
    ):
        declare.publish()
    assert not rig.store.exists(rig.key("queues"))
    done = CliRunner().invoke(config, ["layout", "--json"])
    assert done.exit_code == 1
    assert json.loads(done.output)["fits"] is False


def test_one_that_this_build_can_still_read_is_used_as_it_is(declared: Callable[..., Rig]) -> None:
    rig = declared()
    rig.store.hset(rig.key("layout"), mapping={"version": 9, "readable_from": layouts.VERSION, "written_by": "4.0.0"})
    declare.publish()
    assert layouts.read().version == 9
    done = CliRunner().invoke(config, ["layout"])
    assert done.exit_code == 0
    assert done.output.startswith("layout 9, written by build 4.0.0; this build")
