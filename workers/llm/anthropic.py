"""How is a prompt completed by Anthropic's messages API?

The system text is a field, not a message; input tokens read from or written to the cache are counted beside the plain
ones, so the total is their sum.
"""

from __future__ import annotations

import time
from typing import Any

from workers.llm.errors import ProviderAnswerMalformed
from workers.llm.estimate import estimate
from workers.llm.provider import ApiKey, Completion, CompletionRequest, Usage, reveal
from workers.llm.transport import Transport

BASE_URL = "https://api.anthropic.com/v1"
API_VERSION = "2023-06-01"


class Anthropic:
    """A `Provider` over `POST {base_url}/messages`."""

    def __init__(
        self,
        *,
        model: str,
        api_key: ApiKey | None = None,
        base_url: str = BASE_URL,
        timeout_seconds: float = 120.0,
    ) -> None:
        self._model, self._api_key = model, api_key
        self._transport = Transport(self.name, base_url, timeout_seconds)

    def __repr__(self) -> str:
        return f"Anthropic(model={self._model!r}, {self._transport!r})"

    @property
    def name(self) -> str:
        return "anthropic"

    @property
    def model(self) -> str:
        return self._model

    @property
    def small(self) -> bool:
        return False

    def complete(self, request: CompletionRequest) -> Completion:
        """Complete one request, or raise a `ProviderError`."""
        key = reveal(self._api_key)
        headers = {"x-api-key": key, "anthropic-version": API_VERSION}
        started = time.monotonic()
        answer = self._transport.post("/messages", self._body(request), headers, key)
        latency_seconds = time.monotonic() - started
        try:
            text = "".join(str(block["text"]) for block in answer["content"] if block["type"] == "text")
        except (KeyError, TypeError):
            raise ProviderAnswerMalformed(self.name, "the answer has no content blocks") from None
        return Completion(
            text=text,
            model=str(answer.get("model") or self._model),
            provider=self.name,
            usage=_usage(answer.get("usage")) or estimate(request.messages, text),
            latency_seconds=latency_seconds,
            finish_reason=str(answer.get("stop_reason") or ""),
        )

    def _body(self, request: CompletionRequest) -> dict[str, Any]:
        system = "\n\n".join(message.content for message in request.messages if message.role == "system")
        body: dict[str, Any] = {
            "model": self._model,
            "max_tokens": request.max_tokens,
            "temperature": min(1.0, request.temperature),
            "messages": [
                {"role": message.role, "content": message.content}
                for message in request.messages
                if message.role != "system"
            ],
        }
        if system:
            body["system"] = system
        if request.stop:
            body["stop_sequences"] = list(request.stop)
        return body


def _usage(reported: object) -> Usage | None:
    """Read the usage block; nothing when it is absent or does not make sense."""
    if not isinstance(reported, dict):
        return None
    counts = [
        reported.get(field) or 0
        for field in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
    ]
    if "input_tokens" not in reported or not all(isinstance(count, int) and count >= 0 for count in counts):
        return None
    plain, cached, written, answered = counts
    return Usage(input_tokens=plain + cached + written, output_tokens=answered, cached_tokens=cached)
