"""What happens to a bulk submission when its connection, its functions or its server go away under way?"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from conftest import forget_facts
from rig import Rig

from fleet.dispatcher import declare, task_ids
from fleet.dispatcher.submit import TaskRequest, submit, submit_many
from fleet.errors import StoreUnavailable
from fleet.store.client import connect, forget
from fleet.supervisor import valkey

TASKS, AFTER = 550, 320  # several batches; what goes wrong does so while the fourth is encoded and the third under way


@pytest.fixture
def rig(declared: Callable[..., Rig]) -> Rig:
    return declared()


def requests(interrupt: Callable[[], object]) -> Iterator[TaskRequest]:
    for n in range(TASKS):
        if n == AFTER:
            interrupt()
        yield TaskRequest("job", {"n": n})


@pytest.mark.parametrize("what", ["connection", "functions", "both"])
def test_a_bulk_goes_on_where_it_was_interrupted(rig: Rig, store: redis.Redis, what: str) -> None:
    def interrupt() -> None:
        if what != "functions":
            store.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        if what != "connection":
            store.function_flush()

    answers = list(submit_many(requests(interrupt)))
    assert [answer for answer in answers if isinstance(answer, Exception) or not answer.is_accepted] == []
    assert len({answer.id for answer in answers if not isinstance(answer, Exception)}) == TASKS
    assert rig.held() == store.zcard(rig.key("held:job")) == TASKS
    rig.check()


def test_a_bulk_is_held_in_the_order_it_came_in(rig: Rig, store: redis.Redis) -> None:
    sent = [answer.id for answer in submit_many(requests(lambda: None)) if not isinstance(answer, Exception)]
    assert store.zrange(rig.key("held:job"), 0, -1) == sent


def test_a_bulk_that_nobody_reads_to_its_end_leaves_nothing_half_done(rig: Rig, store: redis.Redis) -> None:
    store.function_flush()  # also where the server has to be asked again
    bulk = submit_many(requests(lambda: None))
    first = next(bulk)
    assert not isinstance(first, Exception)
    bulk.close()  # type: ignore[attr-defined]
    assert rig.held() == store.zcard(rig.key("held:job")) == 200, "the answered batch and the one behind it"
    assert submit("job", {}).is_accepted
    rig.check()


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: Callable[..., Rig]) -> Iterator[valkey.Broker]:
    """A server of the test's own, to maltreat, for producers that wait half a second."""
    monkeypatch.setenv("FLEET_DISPATCH__SUBMIT_TIMEOUT_SECONDS", "0.5")
    declared()
    broker = valkey.start(tmp_path)
    monkeypatch.setenv("FLEET_BROKER__URL", broker.url)
    forget_facts()
    declare.publish()
    yield broker
    forget()
    broker.process.kill()
    broker.process.wait(10)
    monkeypatch.undo()
    forget_facts()


def test_a_silent_server_fails_what_was_on_its_way_and_repeating_it_doubles_nothing(own: valkey.Broker) -> None:
    wanted = [TaskRequest("job", {"n": n}, task_id=task_ids.new()) for n in range(TASKS)]

    def falling_silent() -> Iterator[TaskRequest]:
        for n, request in enumerate(wanted):
            if n == AFTER:
                own.process.send_signal(signal.SIGSTOP)
            yield request

    answers = list(submit_many(falling_silent()))
    own.process.send_signal(signal.SIGCONT)
    failed = [answer for answer in answers if isinstance(answer, Exception)]
    assert {type(error) for error in failed} == {StoreUnavailable}
    assert len(answers) == TASKS
    assert len(failed) >= TASKS - 400
    assert all(not isinstance(answer, Exception) for answer in answers[:200])
    again = list(submit_many(wanted))
    assert [answer.id for answer in again if not isinstance(answer, Exception)] == [request.task_id for request in wanted]
    assert connect().zcard("fleet:{main}:held:job") == TASKS
