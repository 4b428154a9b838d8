"""How is a prompt completed by anything that speaks OpenAI's chat completions?

OpenAI itself, vLLM, Ollama, gateways, and the embedded server. The dialects differ in three places, which are fields:
what the token limit is called, whether sampling may be set, and whether the answer can be prefilled.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal

from workers.llm.errors import ProviderAnswerMalformed
from workers.llm.estimate import estimate
from workers.llm.provider import ApiKey, Completion, CompletionRequest, Usage, reveal
from workers.llm.transport import Transport


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where servers of this protocol differ."""

    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    sampling: bool = True
    """Temperature, seed and stop may be sent (reasoning models refuse them)."""
    prefill: bool = False
    """A last message of the assistant is continued."""
    small: bool = False
    """The model behind it needs examples and a prefilled answer."""


PLAIN = Dialect()
EMBEDDED = Dialect(prefill=True, small=True)


class OpenAICompatible:
    """A `Provider` over `POST {base_url}/chat/completions`."""

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        api_key: ApiKey | None = None,
        timeout_seconds: float = 120.0,
        name: str = "openai",
        dialect: Dialect = PLAIN,
    ) -> None:
        self._name, self._model, self._api_key, self._dialect = name, model, api_key, dialect
        self._transport = Transport(name, base_url, timeout_seconds)

    def __repr__(self) -> str:
        return f"OpenAICompatible({self._name!r}, model={self._model!r}, {self._transport!r})"

    @property
    def name(self) -> str:
        return self._name

    @property
    def model(self) -> str:
        return self._model

    @property
    def small(self) -> bool:
        return self._dialect.small

    def complete(self, request: CompletionRequest) -> Completion:
        """Complete one request, or raise a `ProviderError`."""
        prefill = request.prefill if self._dialect.prefill else ""
        key = reveal(self._api_key)
        headers = {"authorization": f"Bearer {key}"} if key else {}
        started = time.monotonic()
        answer = self._transport.post("/chat/completions", self._body(request, prefill), headers, key)
        latency_seconds = time.monotonic() - started
        try:
            choice = answer["choices"][0]
            text = str(choice["message"].get("content") or "")
            finish_reason = str(choice.get("finish_reason") or "")
        except (KeyError, IndexError, TypeError, AttributeError):
            raise ProviderAnswerMalformed(self._name, "the answer has no choices[0].message") from None
        return Completion(
            text=text if text.startswith(prefill) else prefill + text,
            model=str(answer.get("model") or self._model),
            provider=self._name,
            usage=_usage(answer.get("usage")) or estimate(request.messages, text),
            latency_seconds=latency_seconds,
            finish_reason=finish_reason,
        )

    def _body(self, request: CompletionRequest, prefill: str) -> dict[str, Any]:
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        if prefill:
            messages.append({"role": "assistant", "content": prefill})
        body: dict[str, Any] = {
            "model": self._model,
            "messages": messages,
            "stream": False,
            self._dialect.token_limit: request.max_tokens,
        }
        if self._dialect.sampling:
            body["temperature"] = request.temperature
            if request.seed is not None:
                body["seed"] = request.seed
            if request.stop:
                body["stop"] = list(request.stop)
        return body


def _usage(reported: object) -> Usage | None:
    """Read the usage block; nothing when it is absent or does not make sense."""
    if not isinstance(reported, dict):
        return None
    asked, answered = _count(reported.get("prompt_tokens")), _count(reported.get("completion_tokens"))
    if asked is None or answered is None:
        return None
    return Usage(
        input_tokens=asked,
        output_tokens=answered,
        cached_tokens=min(asked, _detail(reported, "prompt_tokens_details", "cached_tokens")),
        reasoning_tokens=min(answered, _detail(reported, "completion_tokens_details", "reasoning_tokens")),
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _detail(reported: dict[str, Any], block: str, field: str) -> int:
    details = reported.get(block)
    return (_count(details.get(field)) or 0) if isinstance(details, dict) else 0
