"""What does a caller ask of a language model, and what does it get back?

The seam every provider implements. A completion always says what it used and whether the provider reported that or it
was estimated here: a bill must never rest on a guess that looks like a fact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import SecretStr

Role = Literal["system", "user", "assistant"]
UsageSource = Literal["reported", "estimated"]
ApiKey = SecretStr | Callable[[], SecretStr]
"""A key, or where to look it up for every call, so that a rotated key is used without a restart."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of the conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """One paid call. `prefill` is how the answer must begin, where the provider can be told so."""

    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float = 0.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    prefill: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call; `cached_tokens` are part of the input, `reasoning_tokens` part of the output."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    source: UsageSource = "reported"


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model answered; `text` includes the prefill the request began it with."""

    text: str
    model: str
    provider: str
    usage: Usage
    latency_seconds: float
    finish_reason: str = ""


class Provider(Protocol):
    """Somebody who completes prompts. Raises `workers.llm.errors.ProviderError`, nothing else."""

    @property
    def name(self) -> str:
        """Return the provider's name as prices know it."""

    @property
    def model(self) -> str:
        """Return the model it completes with."""

    @property
    def small(self) -> bool:
        """Tell whether the model needs examples, a prefilled answer and a short question to be of any use."""

    def complete(self, request: CompletionRequest) -> Completion:
        """Complete one request, or raise."""


def reveal(key: ApiKey | None) -> str:
    """Return the key in clear, looked up now; empty when there is none."""
    if key is None:
        return ""
    return (key if isinstance(key, SecretStr) else key()).get_secret_value()
