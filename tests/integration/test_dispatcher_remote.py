"""Does everything work when the broker is not the store: messages published by kombu, state in Redis?"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from rig import Rig

from fleet.dispatcher.claim import claim
from fleet.dispatcher.outcome import finish


@pytest.fixture
def rig(declared: Callable[..., Rig], redis_server: str, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """kombu's own in-process broker stands where RabbitMQ would."""
    monkeypatch.setenv("FLEET_BROKER__URL", "memory://")
    monkeypatch.setenv("FLEET_BROKER__STORE_URL", redis_server)
    return declared()


def receive(pool: str) -> Any:
    from fleet.app import app

    with app.connection_for_read() as connection:
        return connection.default_channel.basic_get(f"fleet.{pool}", no_ack=True)


@pytest.mark.parametrize("strategy", ["late_binding", "round_robin"])
def test_tasks_travel_by_the_broker_and_live_in_the_store(
    declared: Callable[..., Rig], redis_server: str, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    monkeypatch.setenv("FLEET_BROKER__URL", "memory://")
    monkeypatch.setenv("FLEET_BROKER__STORE_URL", redis_server)
    rig = declared(task_types={"job": {"strategy": strategy}})
    assert rig.store.hget(rig.key("queues"), "#remote") == "1"
    rig.worker("w", "a")
    first, second = rig.submit(payload={"n": 1}), rig.submit(payload={"n": 2})
    assert rig.store.llen("fleet.a") == 0, "nothing goes through Redis"
    for handle in (first, second):
        message = receive("a")
        body = message.body if isinstance(message.body, bytes) else message.body.encode()
        assert json.loads(body)[1] == {"n": 1 if handle is first else 2}
        assert (message.headers["id"], message.headers["fleet_attempt"]) == (handle.id, 1)
        assert claim(handle.id, 1, "w").granted
        # The finish of the first releases the second: published by whoever finished.
        assert finish(handle.id, 1, "done", '{"status": "SUCCESS"}') == "done"
    assert receive("a") is None
    rig.check()


def test_a_message_the_broker_lost_is_published_again(rig: Rig) -> None:
    rig.worker("w", "a")
    handle = rig.submit()
    assert receive("a") is not None
    rig.store.zincrby(rig.key("released"), -60, handle.id)
    assert rig.tick().sent_again == 1
    assert receive("a").headers["fleet_attempt"] == 2
    rig.check()
