"""Is code generated until it is verified, is every paid call recorded once, and is nothing ever pretended?

The provider is a real HTTP server with scripted answers, the checks run in the real sandbox.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fleet.errors import UnknownName
from workers.code_generator.generate import Sandbox, generate
from workers.code_generator.outcome import NO_CHECKS
from workers.code_generator.payload import CodeGeneration
from workers.llm.choose import choose
from workers.llm.errors import ProviderError, ProviderRateLimited
from workers.llm.provider import Completion, Provider
from workers.sandbox.limits import Limits

GOOD = "```python\ndef add(a, b):\n    return a + b\n```"
BAD = "```python\ndef add(a, b):\n    return a - b\n```"
HALF = "```python\ndef add(a, b):\n    return 5\n```"
ENDLESS = "```python\ndef add(a, b):\n    while True: pass\n```"
CHEATS = """```python
class Same:
    def __eq__(self, other): return True
    def __bool__(self): return True
def add(a, b): return Same()
```"""
QUITS = "```python\nimport os\ndef add(a, b): os._exit(0)\n```"
FORGES = "```python\nimport sys\ndef add(a, b):\n    sys.exit(0)\n```"
CHECKS = ("assert add(2, 3) == 5", "assert add(0, 0) == 0")


@dataclass
class Recorder:
    """The surrounding task, written down."""

    its_provider: Provider
    calls: list[tuple[str, Completion]] = field(default_factory=list)
    fractions: list[float] = field(default_factory=list)
    asked_for: list[str | None] = field(default_factory=list)

    def provider(self, model: str | None) -> Provider:
        self.asked_for.append(model)
        return self.its_provider

    def record_call(self, completion: Completion, *, purpose: str) -> None:
        self.calls.append((purpose, completion))

    def progress(self, fraction: float, message: str) -> None:
        assert message
        self.fractions.append(fraction)


@dataclass
class Scripted:
    """A provider on HTTP that gives these answers in turn (a number: that status)."""

    server: HTTPServer
    answers: list[str | int]
    received: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server.expect_request("/v1/chat/completions").respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        self.received.append(json.loads(request.data))
        answer = self.answers[len(self.received) - 1]
        if isinstance(answer, int):
            return Response(status=answer, headers={"Retry-After": "3"})
        message = {"role": "assistant", "content": answer}
        usage = {"prompt_tokens": 100, "completion_tokens": 10}
        return Response(json.dumps({"choices": [{"message": message}], "usage": usage, "model": "scripted"}))

    def run(self) -> Recorder:
        return Recorder(choose("openai", base_url=self.server.url_for("/v1"), api_key=SecretStr("k"), model="scripted"))


def task(**changes: Any) -> CodeGeneration:
    return CodeGeneration.model_validate({"prompt": "Write add(a, b).", "checks": CHECKS} | changes)


def test_good_code_is_verified_at_once(httpserver: HTTPServer) -> None:
    provider = Scripted(httpserver, [GOOD])
    run = provider.run()
    result = generate(task(model="scripted"), run)
    assert result["verified"] is True
    assert result["reason"] == "all 2 checks passed in attempt 1"
    assert result["code"] == "def add(a, b):\n    return a + b\n"
    assert [check["status"] for check in result["checks"]] == ["passed", "passed"]
    assert result["usage"] == {
        "calls": 1,
        "input_tokens": 100,
        "output_tokens": 10,
        "cached_tokens": 0,
        "reasoning_tokens": 0,
        "source": "reported",
    }
    assert {"rlimits"} <= set(result["isolation"])
    assert run.asked_for == ["scripted"]
    assert run.fractions == [0.0, 1.0]
    assert json.loads(json.dumps(result)) == result


def test_a_failure_is_repaired_with_its_evidence(httpserver: HTTPServer) -> None:
    provider = Scripted(httpserver, [BAD, GOOD])
    run = provider.run()
    result = generate(task(), run)
    assert result["verified"]
    assert [purpose for purpose, _ in run.calls] == ["generate", "repair"]
    assert result["usage"]["input_tokens"] == 200
    *_, previous, evidence = provider.received[1]["messages"]
    assert "return a - b" in previous["content"]
    assert "add(2, 3) gave -1, expected 5" in evidence["content"]
    assert provider.received[1]["temperature"] > provider.received[0]["temperature"]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (BAD, "gave -1, expected 5"),
        (ENDLESS, "cpu time"),
        (CHEATS, "not a plain built-in value"),
        (QUITS, "ended its own process"),
        (FORGES, "SystemExit"),
        ("I am sorry.", "no Python code"),
        ("```python\ndef sub(a, b): ...\n```", "does not define 'add'"),
        ("```python\nraise RuntimeError('no')\ndef add(a, b): ...\n```", "RuntimeError: no"),
        ("```python\nimport socket\ndef add(a, b): return socket.socket()\n```", "PermissionError"),
    ],
)
def test_what_fails_is_never_verified(httpserver: HTTPServer, answer: str, problem: str) -> None:
    provider = Scripted(httpserver, [answer])
    sandbox = Sandbox(limits=Limits(cpu_seconds=1, wall_seconds=8.0))
    result = generate(task(max_attempts=1), provider.run(), sandbox=sandbox)
    assert result["verified"] is False
    assert problem in result["reason"]
    assert not all(check["passed"] for check in result["checks"])


def test_without_checks_nothing_is_verified_but_it_must_load(httpserver: HTTPServer) -> None:
    provider = Scripted(httpserver, ["```python\nimport nonsense_module\nx = 1\n```", GOOD])
    result = generate(task(checks=()), provider.run())
    assert (result["verified"], result["reason"], result["checks"]) == (False, NO_CHECKS, [])
    assert "nonsense_module" in result["attempts"][0]["problem"]
    assert "def add" in result["code"]


def test_attempts_end_and_the_best_one_is_told(httpserver: HTTPServer) -> None:
    provider = Scripted(httpserver, [BAD, HALF, "nothing"])
    run = provider.run()
    result = generate(task(), run)
    assert not result["verified"]
    assert "return 5" in result["code"]
    assert len(run.calls) == len(result["attempts"]) == 3
    assert result["reason"].startswith("not verified after 3 attempts: check `assert add(0, 0) == 0` failed")


def test_a_provider_that_fails_at_first_is_the_callers_to_retry(httpserver: HTTPServer) -> None:
    run = Scripted(httpserver, [429]).run()
    with pytest.raises(ProviderRateLimited) as caught:
        generate(task(), run)
    assert caught.value.retry_after_seconds == 3.0
    assert run.calls == []


def test_a_provider_that_fails_later_does_not_lose_what_was_paid_for(httpserver: HTTPServer) -> None:
    run = Scripted(httpserver, [HALF, 500]).run()
    result = generate(task(), run)
    assert not result["verified"]
    assert "return 5" in result["code"]
    assert "attempt 2 could not be made" in result["reason"]
    assert len(run.calls) == 1


def test_code_is_not_run_where_it_cannot_be_isolated_and_no_more_is_spent(httpserver: HTTPServer) -> None:
    provider = Scripted(httpserver, [GOOD, GOOD])
    run = provider.run()
    sandbox = Sandbox(without=("namespaces", "seccomp"))
    result = generate(task(), run, sandbox=sandbox)
    assert not result["verified"]
    assert "cannot guarantee network" in result["reason"]
    assert len(run.calls) == 1


def test_every_provider_error_is_of_one_tree() -> None:
    assert issubclass(ProviderRateLimited, ProviderError)


def test_an_unknown_guarantee_is_refused_before_anything_is_paid_for() -> None:
    with pytest.raises(UnknownName, match=r"did you mean 'network'"):
        Sandbox(required=("netwrok",))
