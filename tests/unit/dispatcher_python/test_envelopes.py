"""Is an envelope, its two holes filled, the message Celery would have written, whatever the payload holds?"""

from __future__ import annotations

import base64
import json
from typing import Any

import hypothesis.strategies as st
import orjson
from celery import Celery
from hypothesis import given

from fleet.dispatcher import envelope
from fleet.dispatcher.transport import unsound

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
PAYLOADS = st.dictionaries(st.text(), JSON, max_size=4)


def filled(text: bytes) -> dict[str, Any]:
    return dict(json.loads(text.replace(envelope.QUEUE, b"fleet.a").replace(envelope.ATTEMPT, b"3")))


@given(PAYLOADS)
def test_the_payload_arrives_and_cannot_fake_a_hole(payload: dict[str, Any]) -> None:
    encoded = orjson.dumps(payload)
    text = envelope.direct("id-1", "job", encoded, 60.0)
    assert (text.count(envelope.QUEUE), text.count(envelope.ATTEMPT)) == (1, 2)
    message = filled(text)
    args, kwargs, embed = json.loads(base64.b64decode(message["body"]))
    assert (args, kwargs, embed["chain"]) == ([], json.loads(encoded), None)
    assert message["headers"]["fleet_attempt"] == 3
    assert message["properties"]["delivery_info"]["routing_key"] == "fleet.a"
    assert message["properties"]["delivery_tag"] == "id-1.3"


def test_the_headers_are_those_of_celery() -> None:
    app = Celery("reference", set_as_current=False)
    theirs = app.amqp.as_task_v2("id-1", "job", kwargs={"n": 1}, time_limit=60.0, soft_time_limit=57.0)
    ours = filled(envelope.direct("id-1", "job", b'{"n":1}', 60.0))["headers"]
    assert set(theirs.headers) - {"stamped_headers", "stamps"} <= set(ours)
    for name in ("lang", "task", "id", "root_id", "parent_id", "group", "retries", "timelimit", "eta", "expires", "ignore_result"):
        assert ours[name] == theirs.headers[name], name


@given(PAYLOADS)
def test_a_message_composed_by_celery_keeps_its_headers(payload: dict[str, Any]) -> None:
    app = Celery("reference", set_as_current=False)
    theirs = app.amqp.as_task_v2("id-1", "job", kwargs=payload, group_id="g", retries=2, chord=None)
    message = filled(envelope.from_celery({**theirs.headers, "fleet_attempt": 9}, orjson.dumps(theirs.body)))
    assert {name: message["headers"][name] for name in ("group", "retries", "id")} == {"group": "g", "retries": 2, "id": "id-1"}
    assert message["headers"]["fleet_attempt"] == 3, "the next attempt is numbered by the fleet"
    assert json.loads(base64.b64decode(message["body"]))[1] == json.loads(orjson.dumps(payload))


@given(PAYLOADS)
def test_what_the_fleet_writes_its_own_transport_lets_pass(payload: dict[str, Any]) -> None:
    assert unsound(json.dumps(filled(envelope.direct("id-1", "job", orjson.dumps(payload), 60.0))).encode()) == ""


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_at_all_raise(raw: bytes) -> None:
    assert unsound(raw), "and none of these is a message"
