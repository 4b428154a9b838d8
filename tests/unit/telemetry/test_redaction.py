"""Can a secret reach a log line?"""

from __future__ import annotations

import io
import json
import logging
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from fleet.telemetry import logs
from fleet.telemetry.redaction import MASK, hide, mask, redact, redact_text, without_hidden

CANARY = "canary-7Qx9-do-not-print"
HIDDEN = "plain looking value 4711"


@pytest.fixture(autouse=True)
def _restore_logging() -> object:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(
    "text",
    [
        f"redis://:{CANARY}@broker:6379/0",
        f"amqps://fleet:{CANARY}@mq/vhost",
        f"Authorization: Bearer {CANARY}",
        f"GET /x?token={CANARY}&a=1",
        f"password={CANARY}",
        f"https://hooks.slack.com/services/T0/B0/{CANARY.replace('-', '')}",
        "key sk-" + CANARY.replace("-", "") * 2,
        "vault hvs." + CANARY.replace("-", "") * 2,
        f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----",
    ],
)
def test_texts_that_look_like_secrets_are_masked(text: str) -> None:
    masked = redact_text(text)
    assert CANARY not in masked
    assert CANARY.replace("-", "") not in masked
    assert MASK in masked


@pytest.mark.parametrize(
    "field", ["password", "api_key", "X-Api-Key", "authorization", "vault_token", "client_secret", "cookie"]
)
def test_fields_that_hold_secrets_are_masked_at_any_depth(field: str) -> None:
    assert CANARY not in json.dumps(redact({"outer": [{"inner": {field: CANARY}}]}))


@pytest.mark.parametrize("field", ["tokens", "token_count", "secret", "pool", "task_id", "key"])
def test_harmless_fields_are_kept(field: str) -> None:
    assert redact({field: "value"}) == {field: "value"}


def test_secret_types_and_hidden_values_never_show() -> None:
    hide(HIDDEN)
    assert redact(SecretStr(CANARY)) == MASK
    assert HIDDEN not in redact_text(f"failed with {HIDDEN} in it")


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_redaction_never_fails_and_never_changes_its_input(value: object) -> None:
    before = repr(value)
    redact(value)
    assert repr(value) == before


def test_exceptions_and_other_libraries_are_redacted_too() -> None:
    out = io.StringIO()
    logs.configure("INFO", "json", out)
    try:
        raise ValueError(f"cannot reach redis://:{CANARY}@broker/0")
    except ValueError:
        logs.get("dispatcher").exception("job_failed", url=f"redis://u:{CANARY}@h/1", headers={"Authorization": CANARY})
    logging.getLogger("celery.worker").warning("Connected to %s", f"redis://:{CANARY}@broker:6379//")
    written = out.getvalue()
    assert CANARY not in written
    lines = [json.loads(line) for line in written.splitlines()]
    assert lines[0]["event"] == "job_failed"
    assert lines[0]["subsystem"] == "dispatcher"
    assert "Traceback" in lines[0]["exception"]


def test_levels_differ_by_subsystem_and_ids_stand_on_every_line() -> None:
    out = io.StringIO()
    logs.configure("WARNING,scaling=DEBUG", "json", out)
    with logs.bound(task_id="t-1", pool="fast"):
        logs.get("scaling").debug("target_published")
        logs.get("dispatcher").info("task_released")
    assert [json.loads(line)["task_id"] for line in out.getvalue().splitlines()] == ["t-1"]


def test_an_unknown_level_names_the_known_ones() -> None:
    with pytest.raises(Exception, match="did you mean 'DEBUG'"):
        logs.parse_levels("INFO,scaling=DEBUGG")


@pytest.mark.parametrize("value", ["plain-value-4711", 'quo"ted\\and-4712', "ünïcødé-\u2028-4713"])
def test_a_hidden_value_is_taken_out_of_plain_text_and_of_json_and_nothing_else_is(value: str) -> None:
    hide(value)
    for text in (value, json.dumps({"a": value}), json.dumps({"a": value}, ensure_ascii=False)):
        masked = without_hidden(f"before {text} after password=kept")
        assert value not in masked
        assert json.dumps(value)[1:-1] not in masked
        assert masked.startswith("before ")
        assert masked.endswith(" after password=kept")


def test_what_an_exception_and_those_before_it_say_is_masked() -> None:
    value = "-".join(("value", "of", "a", "secret", "4714"))
    hide(value)

    def careless() -> None:
        try:
            raise ValueError(f"bad {value}", 7)
        except ValueError as error:
            raise RuntimeError(f"no use for {value}") from error

    with pytest.raises(RuntimeError) as caught:
        careless()
    mask(caught.value)
    assert value not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is not None
    assert caught.value.__cause__.args == (f"bad {MASK}", 7)
