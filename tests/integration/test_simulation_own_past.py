"""Can `fleet simulate dispatch --history` replay what really ran?"""

from __future__ import annotations

import json
from collections.abc import Callable

from click.testing import CliRunner
from rig import Rig

from fleet.cli.simulate import simulate
from fleet.dispatcher.claim import claim


def test_tasks_that_ran_are_replayed_under_every_strategy(declared: Callable[..., Rig]) -> None:
    rig = declared()
    rig.worker("w", "a")
    for number in range(6):
        handle = rig.submit(payload={"n": number})
        message = rig.take("a")
        assert message is not None
        assert claim(handle.id, 1, "w").granted
        assert rig.end(message) == "done"
    args = ["dispatch", "--history", "1", "--strategy", "late_binding", "--seeds", "1"]
    answer = CliRunner().invoke(simulate, [*args, "--json"])
    assert answer.exit_code == 0, answer.output
    data = json.loads(answer.stdout)
    assert (data["workload"], data["tasks"]) == ("history", 6)
    assert data["rows"][1]["seeds"][0]["success"] == 1.0

    twice = CliRunner().invoke(simulate, [*args, "--trace", __file__])
    assert twice.exit_code == 2
    assert "choose one of" in twice.output
