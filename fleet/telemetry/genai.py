"""What does a span of a model call say?

OpenTelemetry's GenAI semantic conventions, spelled once. Prompts and completions are never recorded.
"""

from __future__ import annotations

from collections.abc import Mapping


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


def response(model: str, tokens_in: int, tokens_out: int, response_id: str = "") -> Mapping[str, str | int | float]:
    """Return what is known after it."""
    return {
        "gen_ai.response.model": model,
        "gen_ai.response.id": response_id,
        "gen_ai.usage.input_tokens": tokens_in,
        "gen_ai.usage.output_tokens": tokens_out,
    }


def span_name(model: str, operation: str = "chat") -> str:
    return f"{operation} {model}"
