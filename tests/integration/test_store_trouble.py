"""What happens while the store is full, cannot write its file, was demoted, was away, or had its clock set?"""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from conftest import forget_facts
from eventually import eventually
from rig import Rig

from fleet import submit
from fleet.dispatcher import declare
from fleet.errors import StoreUnavailable
from fleet.registry import roster
from fleet.store.client import connect, forget
from fleet.supervisor import valkey


@pytest.fixture
def rig(declared: Callable[..., Rig]) -> Rig:
    return declared()


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[valkey.Broker]:
    """A server of the test's own, to maltreat."""
    broker = valkey.start(tmp_path)
    monkeypatch.setenv("FLEET_BROKER__URL", broker.url)
    forget_facts()
    yield broker
    forget()
    broker.process.kill()
    broker.process.wait(10)
    monkeypatch.undo()
    forget_facts()


@pytest.fixture
def full(rig: Rig, store: redis.Redis) -> Iterator[None]:
    """Memory is used up as soon as the test says so, and there again afterwards."""
    yield
    store.config_set("maxmemory", "0")


def test_a_full_store_refuses_new_work_by_name_and_lets_work_end(rig: Rig, store: redis.Redis, full: None) -> None:
    rig.worker("w", "a", 2)
    first, second = rig.submit(), rig.submit()
    running = rig.start("a", "w")
    store.function_flush()  # a server that restarted full knows none, and cannot be taught
    store.config_set("maxmemory", "1")
    with pytest.raises(StoreUnavailable, match=r"is full \(maxmemory\)"):
        rig.submit()
    assert roster.heartbeat("w", 1).status in ("idle", "busy"), "a worker of a full fleet is not dead"
    assert rig.end(running) == "done"
    assert rig.end(rig.start("a", "w")) == "done"
    assert rig.tick().ran
    store.config_set("maxmemory", "0")
    assert {first.status, second.status} == {"done"}
    rig.submit()
    rig.end(rig.start("a", "w"))
    rig.check()


def test_a_full_disk_is_told_by_name_and_mends_itself(own: valkey.Broker) -> None:
    declare.publish()
    resource.prlimit(own.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))

    def is_refused() -> bool:
        try:
            submit("code_generation", {"prompt": "x"})
        except StoreUnavailable as error:
            return "cannot write its append-only file: free space" in str(error)
        return False

    eventually(is_refused)
    assert own.process.poll() is None
    resource.prlimit(own.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert eventually(lambda: submit("code_generation", {"prompt": "x"}).is_accepted)


def test_a_demoted_server_is_told_by_name(own: valkey.Broker) -> None:
    connect().replicaof("127.0.0.1", valkey.free_port())
    with pytest.raises(StoreUnavailable, match="is a replica now"):
        submit("code_generation", {"prompt": "x"})


def test_a_store_that_was_away_for_long_declares_nobody_dead(rig: Rig, store: redis.Redis) -> None:
    rig.worker("w", "a")
    handle = rig.submit()
    message = rig.start("a", "w")
    store.set(rig.key("ticked"), float(store.get(rig.key("ticked"))) - 600)  # type: ignore[arg-type]
    rig.silence("w", 600)
    assert rig.tick().workers_lost == 0
    assert roster.heartbeat("w", 1).status == "busy"
    assert (rig.end(message), handle.status) == ("done", "done")
    rig.silence("w", 600)
    assert rig.tick().workers_lost == 1, "who is silent while others tick is dead"
    rig.check()


def test_a_clock_set_back_makes_nobody_immortal(rig: Rig, store: redis.Redis) -> None:
    rig.worker("w", "a")
    hour = 3600.0
    store.incrbyfloat(rig.key("ticked"), hour)
    rig.silence("w", -hour)
    rig.tick()
    [worker] = roster.workers()
    assert store.zscore(rig.key("workers"), "w") <= float(store.get(rig.key("ticked"))), worker  # type: ignore[arg-type,operator]
    rig.silence("w", 600)
    assert rig.tick().workers_lost == 1


def test_an_attempt_that_seems_to_end_before_it_began_teaches_nothing_absurd(rig: Rig, store: redis.Redis) -> None:
    rig.worker("w", "a")
    for _ in range(8):
        handle = rig.submit()
        message = rig.start("a", "w")
        store.hincrbyfloat(rig.key(f"task:{handle.id}"), "started", 3600)
        assert rig.end(message) == "done"
    assert float(store.hget(rig.key("service"), "a")) >= 0  # type: ignore[arg-type]
    assert float(store.hget(rig.key("factors:job"), "a")) > 0  # type: ignore[arg-type]
    assert rig.submit().status == "released", "nobody waits for a pool that seems to be faster than time"
