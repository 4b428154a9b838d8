"""What does a span of a model call say?

OpenTelemetry's GenAI semantic conventions, spelled once. Prompts and completions are never recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def request(
    model: str, provider: str, operation: str = "chat", **more: str | int | float
) -> Mapping[str, str | int | float]:
    """Return what is known before the call; `more` takes max_tokens, temperature..."""
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        **{f"gen_ai.request.{name}": value for name, value in more.items()},
    }


def response(model: str, tokens_in: int, tokens_out: int, finish_reason: str = "") -> Mapping[str, Any]:
    """Return what is known after it."""
    return {
        "gen_ai.response.model": model,
        "gen_ai.usage.input_tokens": tokens_in,
        "gen_ai.usage.output_tokens": tokens_out,
        **({"gen_ai.response.finish_reasons": (finish_reason,)} if finish_reason else {}),
    }


def span_name(model: str, operation: str = "chat") -> str:
    return f"{operation} {model}"
