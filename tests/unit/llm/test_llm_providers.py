"""Do the providers speak their protocols, count honestly, and keep the key to themselves?

Against a real HTTP server with scripted answers.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from workers.llm import errors
from workers.llm.anthropic import Anthropic
from workers.llm.choose import REASONING, choose
from workers.llm.openai_compatible import EMBEDDED, PLAIN, OpenAICompatible
from workers.llm.provider import CompletionRequest, Message, Provider
from workers.llm.transport import Transport

KEY = "sk-canary-0123456789abcdef"
ASKED = CompletionRequest(
    messages=(Message("system", "be brief"), Message("user", "say hi")),
    max_tokens=20,
    temperature=0.5,
    seed=7,
    stop=("END",),
)
OPENAI_PATH, ANTHROPIC_PATH = "/v1/chat/completions", "/v1/messages"


def openai_answer(**changes: Any) -> dict[str, Any]:
    usage = {
        "prompt_tokens": 30,
        "completion_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 10},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
    choice = {"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    return {"model": "gpt-test-2026", "choices": [choice], "usage": usage} | changes


def anthropic_answer(**changes: Any) -> dict[str, Any]:
    usage = {"input_tokens": 5, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 3, "output_tokens": 9}
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "h"}, {"type": "text", "text": "i"}]
    return {"model": "claude-test", "content": content, "stop_reason": "end_turn", "usage": usage} | changes


def openai(server: HTTPServer, **changes: Any) -> OpenAICompatible:
    settings: dict[str, Any] = {
        "model": "gpt-test",
        "api_key": SecretStr(KEY),
        "timeout_seconds": 5.0,
        "dialect": PLAIN,
    }
    return OpenAICompatible(base_url=server.url_for("/v1"), **settings | changes)


def anthropic(server: HTTPServer) -> Anthropic:
    return Anthropic(model="claude-test", api_key=SecretStr(KEY), base_url=server.url_for("/v1"), timeout_seconds=5.0)


PROVIDERS: dict[str, tuple[Callable[[HTTPServer], Provider], str, Callable[..., dict[str, Any]]]] = {
    "openai": (openai, OPENAI_PATH, openai_answer),
    "anthropic": (anthropic, ANTHROPIC_PATH, anthropic_answer),
}
ADDRESSES = pytest.mark.parametrize(
    ("make", "path"), [(make, path) for make, path, _ in PROVIDERS.values()], ids=PROVIDERS.keys()
)
BOTH = pytest.mark.parametrize(("make", "path", "answer"), PROVIDERS.values(), ids=PROVIDERS.keys())


def sent(server: HTTPServer) -> tuple[dict[str, Any], Request]:
    """Return the only request the server got."""
    ((request, _),) = server.log
    return json.loads(request.data), request


def test_openai_is_asked_and_read(httpserver: HTTPServer) -> None:
    httpserver.expect_request(OPENAI_PATH, method="POST").respond_with_json(openai_answer())
    completion = openai(httpserver).complete(ASKED)
    body, request = sent(httpserver)
    assert body == {
        "model": "gpt-test",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "say hi"}],
        "stream": False,
        "max_tokens": 20,
        "temperature": 0.5,
        "seed": 7,
        "stop": ["END"],
    }
    assert request.headers["authorization"] == f"Bearer {KEY}"
    usage = completion.usage
    assert (completion.text, completion.model, completion.provider) == ("hi", "gpt-test-2026", "openai")
    assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens) == (30, 12, 10, 5)
    assert usage.source == "reported"


def test_a_reasoning_model_is_not_sent_what_it_refuses(httpserver: HTTPServer) -> None:
    httpserver.expect_request(OPENAI_PATH).respond_with_json(openai_answer())
    openai(httpserver, dialect=REASONING).complete(ASKED)
    assert sent(httpserver)[0].keys() == {"model", "messages", "stream", "max_completion_tokens"}


def test_the_embedded_model_gets_the_beginning_of_its_answer(httpserver: HTTPServer) -> None:
    httpserver.expect_request(OPENAI_PATH).respond_with_json(openai_answer())
    provider = openai(httpserver, dialect=EMBEDDED, name="local")
    asked = CompletionRequest((Message("user", "say hi"),), 20, prefill="well, ")
    assert provider.complete(asked).text == "well, hi"
    assert sent(httpserver)[0]["messages"][-1] == {"role": "assistant", "content": "well, "}


def test_no_other_provider_gets_a_prefill(httpserver: HTTPServer) -> None:
    httpserver.expect_request(OPENAI_PATH).respond_with_json(openai_answer())
    asked = CompletionRequest((Message("user", "say hi"),), 20, prefill="well, ")
    assert openai(httpserver).complete(asked).text == "hi"
    assert len(sent(httpserver)[0]["messages"]) == 1


def test_anthropic_is_asked_and_read(httpserver: HTTPServer) -> None:
    httpserver.expect_request(ANTHROPIC_PATH, method="POST").respond_with_json(anthropic_answer())
    completion = anthropic(httpserver).complete(ASKED)
    body, request = sent(httpserver)
    assert body == {
        "model": "claude-test",
        "system": "be brief",
        "messages": [{"role": "user", "content": "say hi"}],
        "max_tokens": 20,
        "temperature": 0.5,
        "stop_sequences": ["END"],
    }
    assert request.headers["x-api-key"] == KEY
    assert completion.text == "hi"
    assert (completion.usage.input_tokens, completion.usage.cached_tokens, completion.usage.output_tokens) == (
        28,
        20,
        9,
    )


@BOTH
@pytest.mark.parametrize(
    "usage", [None, {}, "many", {"prompt_tokens": -1, "completion_tokens": 2}, {"input_tokens": "9"}]
)
def test_usage_that_is_missing_or_absurd_is_estimated_and_says_so(
    httpserver: HTTPServer, make: Any, path: str, answer: Any, usage: object
) -> None:
    httpserver.expect_request(path).respond_with_json(answer(usage=usage))
    used = make(httpserver).complete(ASKED).usage
    assert used.source == "estimated"
    assert used.input_tokens > 0
    assert used.output_tokens > 0


@ADDRESSES
@pytest.mark.parametrize(
    ("status", "kind", "transient"),
    [
        (400, errors.ProviderRequestRefused, False),
        (401, errors.ProviderKeyRefused, False),
        (403, errors.ProviderKeyRefused, False),
        (302, errors.ProviderRequestRefused, False),
        (429, errors.ProviderRateLimited, True),
        (500, errors.ProviderFailed, True),
        (529, errors.ProviderFailed, True),
    ],
)
def test_every_refusal_has_its_error_and_none_shows_the_key(
    httpserver: HTTPServer, make: Any, path: str, status: int, kind: type, transient: bool
) -> None:
    echo = {"error": {"message": f"Incorrect API key provided: {KEY} ({KEY[:8]}***{KEY[-4:]})"}}
    httpserver.expect_request(path).respond_with_json(echo, status=status, headers={"Retry-After": "17"})
    provider = make(httpserver)
    with pytest.raises(errors.ProviderError) as caught:
        provider.complete(ASKED)
    assert type(caught.value) is kind
    assert caught.value.transient is transient
    assert caught.value.retry_after_seconds == (17.0 if transient else None)
    shown = "".join(traceback.format_exception(caught.value)) + repr(provider) + repr(vars(caught.value))
    assert KEY not in shown
    assert KEY[:8] not in shown


@ADDRESSES
@pytest.mark.parametrize("body", ["", "not json", "[]", "{}", '{"choices": []}', '{"content": "text"}', "[" * 100_000])
def test_an_answer_of_another_kind_is_malformed(httpserver: HTTPServer, make: Any, path: str, body: str) -> None:
    httpserver.expect_request(path).respond_with_data(body, content_type="application/json")
    with pytest.raises(errors.ProviderAnswerMalformed):
        make(httpserver).complete(ASKED)


def test_an_endless_answer_is_not_read_to_its_end(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/big").respond_with_data(b"x" * 2_000_000)
    transport = Transport("test", httpserver.url_for(""), 5.0, max_answer_bytes=100_000)
    with pytest.raises(errors.ProviderAnswerTooLarge, match="100000 bytes"):
        transport.post("/big", {}, {}, "")


def test_a_slow_answer_times_out(httpserver: HTTPServer) -> None:
    def slowly(_: Request) -> Response:
        def drops() -> Any:
            from threading import Event

            for _ in range(100):
                Event().wait(0.1)
                yield b" "

        return Response(drops(), content_type="application/json")

    httpserver.expect_request(OPENAI_PATH).respond_with_handler(slowly)
    with pytest.raises(errors.ProviderTimedOut, match=r"llm\.timeout_seconds"):
        openai(httpserver, timeout_seconds=0.3).complete(ASKED)


def test_nobody_listening_is_unreachable_and_carries_no_request() -> None:
    provider = OpenAICompatible(base_url="http://127.0.0.1:1/v1", model="m", api_key=SecretStr(KEY))
    with pytest.raises(errors.ProviderUnreachable, match=r"llm\.base_url") as caught:
        provider.complete(ASKED)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_rotated_key_is_used_without_a_new_provider(httpserver: HTTPServer) -> None:
    keys = iter([SecretStr("first-key"), SecretStr("second-key")])
    httpserver.expect_request(OPENAI_PATH).respond_with_json(openai_answer())
    provider = openai(httpserver, api_key=lambda: next(keys))
    provider.complete(ASKED)
    provider.complete(ASKED)
    assert [request.headers["authorization"] for request, _ in httpserver.log] == [
        "Bearer first-key",
        "Bearer second-key",
    ]


@pytest.mark.parametrize(
    ("kind", "model", "small", "name"),
    [
        ("local", "", True, "local"),
        ("local", "qwen2.5-coder-7b", False, "local"),
        ("openai", "gpt-4o", False, "openai"),
        ("anthropic", "claude-x", False, "anthropic"),
    ],
)
def test_settings_choose_the_provider(kind: Any, model: str, small: bool, name: str) -> None:
    provider = choose(kind, model=model)
    assert (provider.name, provider.small) == (name, small)
    assert provider.model
