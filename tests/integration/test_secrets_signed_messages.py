"""Does a worker run what a producer of this fleet signed, and nothing else, while signing is enforced?"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from fleet import settings
from fleet.dispatcher import dead_letters, declare, signatures
from fleet.dispatcher.submit import TaskRequest, encode, send
from fleet.errors import Conflict
from fleet.secrets import configured, upkeep
from fleet.secrets.signing import HEADER
from fleet.settings import current
from fleet.store import keys


@pytest.fixture
def signing(store: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    """A fleet that signs, with keys made by their first rotation."""
    monkeypatch.setenv("FLEET_BROKER__SIGN_MESSAGES", "true")
    monkeypatch.setenv("FLEET_SECRETS__BACKEND", "local")
    monkeypatch.setenv("FLEET_SECRETS__PASSPHRASE", "correct horse battery")
    monkeypatch.setenv("FLEET_SECRETS__OVERLAP_SECONDS", "0")
    monkeypatch.setenv("FLEET_STATE_DIR", str(tmp_path))
    settings.load.cache_clear()
    configured._resolver.cache_clear()
    upkeep.rotate_one("fleet/signing")
    declare.publish()
    yield store
    settings.load.cache_clear()
    configured._resolver.cache_clear()


def delivered(store: redis.Redis, payload: dict[str, Any]) -> tuple[SimpleNamespace, list[Any], dict[str, Any]]:
    """Submit, and return the message as a worker sees it: request, args, kwargs."""
    [answer] = send([encode(TaskRequest("code_generation", payload))])
    return message_of(store, answer.task_id)


def message_of(store: redis.Redis, task_id: str) -> tuple[SimpleNamespace, list[Any], dict[str, Any]]:
    """Return a task's message as a worker sees it."""
    text = store.hget(keys.task(current().cell, task_id), "envelope")
    message = json.loads(str(text).replace("\x1e", "queue").replace("\x1f", "1"))
    args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
    return SimpleNamespace(**message["headers"]), args, kwargs


def judge(request: SimpleNamespace, args: list[Any], kwargs: dict[str, Any], name: str = "code_generation") -> str:
    return signatures.refusal(request, name, args, kwargs)


@pytest.mark.parametrize(
    "payload", [{"prompt": "A function"}, {"prompt": 'ünïcødé 漢字 \u2028 "quoted" 1e400 \\u0041'}]
)
def test_a_submitted_message_is_genuine(signing: redis.Redis, payload: dict[str, Any]) -> None:
    assert judge(*delivered(signing, payload)) == ""


def test_a_changed_unsigned_or_moved_message_is_refused(signing: redis.Redis) -> None:
    request, args, kwargs = delivered(signing, {"prompt": "A function"})
    assert "does not fit" in judge(request, args, {**kwargs, "prompt": "Another"})
    assert "does not fit" in judge(request, [1], kwargs)
    assert "does not fit" in judge(request, args, kwargs, "security_analysis")
    assert "does not fit" in judge(SimpleNamespace(**{**vars(request), "id": "another-task"}), args, kwargs)
    for name in signatures.FOLLOWING:
        more = SimpleNamespace(**{**vars(request), name: [{"task": "celery.ping"}]})
        assert "does not fit" in judge(more, args, kwargs), f"{name} was added by somebody"
    assert "not signed" in judge(SimpleNamespace(**{**vars(request), HEADER: None}), args, kwargs)


def test_messages_signed_before_a_rotation_are_refused_only_after_its_overlap(
    signing: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = delivered(signing, {"prompt": "A function"})
    monkeypatch.setenv("FLEET_SECRETS__OVERLAP_SECONDS", "3600")
    monkeypatch.setenv("FLEET_SECRETS__CACHE_SECONDS", "0")
    settings.load.cache_clear()
    configured._resolver.cache_clear()
    upkeep.rotate_one("fleet/signing")
    assert judge(*before) == "", "both keys are accepted during the overlap"
    monkeypatch.setenv("FLEET_SECRETS__OVERLAP_SECONDS", "0")
    settings.load.cache_clear()
    upkeep.rotate_one("fleet/signing")
    assert "not accepted" in judge(*before)
    assert judge(*delivered(signing, {"prompt": "A function"})) == ""


def test_no_key_travels_with_the_message(signing: redis.Redis) -> None:
    request, _, _ = delivered(signing, {"prompt": "A function"})
    secret = configured.backend().read("fleet/signing").field("key").get_secret_value()
    for found in signing.scan_iter("*"):
        kind = signing.type(found)
        value = signing.hgetall(found) if kind == "hash" else signing.xrange(found) if kind == "stream" else ""
        assert secret not in str(value), found
    assert secret not in str(vars(request))


def buried(store: redis.Redis, payload: dict[str, Any]) -> str:
    """Submit a task and let it be a dead letter."""
    [answer] = send([encode(TaskRequest("code_generation", payload))])
    prefix = keys.prefix(current().cell)
    store.zrem(f"{prefix}held:code_generation", answer.task_id)
    store.zadd(f"{prefix}dead", {answer.task_id: 1})
    store.hset(keys.task(current().cell, answer.task_id), "state", "dead")
    return answer.task_id


def test_an_edited_dead_letter_is_signed_anew(signing: redis.Redis) -> None:
    task_id = buried(signing, {"prompt": "A function"})
    dead_letters.replay(task_id, {"prompt": "Another function"})
    request, args, kwargs = message_of(signing, task_id)
    assert kwargs == {"prompt": "Another function"}
    assert json.loads(request.kwargsrepr) == kwargs
    assert judge(request, args, kwargs) == ""


def test_a_dead_letter_workers_would_refuse_is_not_run_again(signing: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    forged, late = buried(signing, {"prompt": "A function"}), buried(signing, {"prompt": "A function"})
    field = keys.task(current().cell, forged)
    text = str(signing.hget(field, "envelope"))
    body = json.loads(text.replace("\x1e", "").replace("\x1f", "1"))["body"]
    signing.hset(field, "envelope", text.replace(body, base64.b64encode(b'[[],{"prompt":"Evil"},{}]').decode()))
    with pytest.raises(Conflict, match=r"does not fit.*submit it anew"):
        dead_letters.replay(forged)
    with pytest.raises(Conflict, match=r"does not fit.*submit it anew"):
        dead_letters.replay(forged, {"prompt": "An honest edit must not sign what somebody else put beside it"})
    monkeypatch.setenv("FLEET_SECRETS__CACHE_SECONDS", "0")
    settings.load.cache_clear()
    configured._resolver.cache_clear()
    upkeep.rotate_one("fleet/signing")
    with pytest.raises(Conflict, match=r"not accepted.*submit it anew"):
        dead_letters.replay(late)
