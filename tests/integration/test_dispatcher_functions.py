"""Do the scripts run as function libraries where the server knows functions, and as scripts where it does not?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis
from rig import Rig

from fleet.dispatcher.tasks import cancel
from fleet.store import line
from fleet.store.scripts import Resident, resident

HOT = ("submit", "claim", "finish", "tick", "cancel")


@pytest.mark.parametrize("name", HOT)
def test_every_hot_script_loads_as_a_library(store: redis.Redis, name: str) -> None:
    script = Resident(f"dispatcher/{name}.lua")
    assert store.function_load(script.library, replace=True) == script.name


def test_a_server_that_forgot_its_functions_gets_them_again(declared: Callable[..., Rig]) -> None:
    rig = declared()
    rig.worker("w", "a")
    rig.submit()
    rig.store.function_flush()
    rig.store.script_flush()
    rig.end(rig.start("a", "w"))
    assert all(resident(f"dispatcher/{name}.lua").is_known for name in ("submit", "finish"))
    rig.check()


def test_without_functions_the_same_text_runs_as_a_script(declared: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch) -> None:
    rig = declared()
    rig.worker("w", "a")

    ask = line.call

    def refuse(client: redis.Redis, verb: bytes, *more: Any) -> Any:
        if verb == b"FCALL":
            raise redis.exceptions.ResponseError("unknown command 'FCALL'")
        return ask(client, verb, *more)

    monkeypatch.setattr(line, "call", refuse)
    for name in HOT:
        monkeypatch.setattr(resident(f"dispatcher/{name}.lua"), "is_known", True)
    handle = rig.submit()
    assert rig.end(rig.start("a", "w")) == "done"
    assert handle.status == "done"
    rig.tick()
    cancel(rig.submit().id, "enough")
    assert not any(resident(f"dispatcher/{name}.lua").is_known for name in HOT)
    rig.check()


def test_one_run_leaves_nothing_for_the_next(declared: Callable[..., Rig]) -> None:
    rig = declared()
    rig.worker("w", "a", 3)
    for count in (1, 2, 3):
        rig.submit()
        assert rig.store.hget(rig.key("metrics"), "fleet_submissions_total|job|accepted|none") == str(count)
        assert rig.store.hget(rig.key("arrivals:a"), "started") == str(count)
