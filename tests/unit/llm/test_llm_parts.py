"""Are the small decisions around a completion right: waiting times, estimates, weights, the server's command line?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import ConfigurationError, Conflict
from workers.llm import server, weights
from workers.llm.estimate import estimate, tokens_of
from workers.llm.provider import Message
from workers.llm.transport import retry_after_seconds

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "20"}, 20.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "20"}, 0.25),
        ({"retry-after": format_datetime(NOW + timedelta(minutes=2), usegmt=True)}, 120.0),
        ({"retry-after": format_datetime(NOW - timedelta(minutes=2), usegmt=True)}, 0.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
    ],
)
def test_how_long_to_wait_is_read_from_any_spelling(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers, NOW) == seconds


@given(st.text(max_size=200))
def test_whatever_a_provider_sends_gives_a_usable_wait(value: str) -> None:
    wait = retry_after_seconds({"retry-after": value}, NOW)
    assert wait is None or 0 <= wait < float("inf")


@given(st.text(), st.text())
def test_an_estimate_never_shrinks_when_there_is_more_text(first: str, second: str) -> None:
    assert tokens_of(first + second) >= max(tokens_of(first), tokens_of(second))
    assert estimate([Message("user", first)], second).source == "estimated"


def test_the_installed_weights_are_found_and_named() -> None:
    found = weights.find(environment={})
    assert found.path.suffix == ".gguf"
    assert found.model == "smollm2-135m"


def test_a_chosen_file_goes_before_the_variable_and_that_before_the_installed(tmp_path: Path) -> None:
    for name in ("one.gguf", "two.gguf"):
        (tmp_path / name).write_bytes(b"GGUF....")
    environment = {weights.VARIABLE: str(tmp_path / "one.gguf")}
    assert weights.find(environment=environment).model == "one"
    assert weights.find(tmp_path / "two.gguf", environment).model == "two"


@pytest.mark.parametrize(("content", "problem"), [(None, "cannot be read"), (b"<html>", "not a GGUF file")])
def test_a_file_that_is_no_model_is_refused_with_its_name(tmp_path: Path, content: bytes | None, problem: str) -> None:
    path = tmp_path / "model.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=problem) as caught:
        weights.find(environment={weights.VARIABLE: str(path)})
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("arguments", [["--port", "0"], ["--port", "70000"], ["--port", "80", "--threads", "0"]])
def test_a_command_line_that_cannot_be_is_refused(arguments: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not between"):
        server.plan([*arguments, "--state-dir", str(tmp_path)])


def test_one_server_per_state_directory(tmp_path: Path) -> None:
    lock = server.take_lock(tmp_path)
    with pytest.raises(Conflict, match="already runs"):
        server.take_lock(tmp_path)
    lock.close()
    server.take_lock(tmp_path).close()
