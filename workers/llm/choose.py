"""Which provider do the settings mean?

Plain arguments in, a `Provider` out: the only place that knows all three kinds and their usual addresses.
"""

from __future__ import annotations

import re
from typing import Literal

from workers.llm import anthropic
from workers.llm.openai_compatible import EMBEDDED, PLAIN, Dialect, OpenAICompatible
from workers.llm.provider import ApiKey, Provider

Kind = Literal["local", "openai", "anthropic"]

OPENAI_BASE_URL = "https://api.openai.com/v1"
LOCAL_BASE_URL = "http://127.0.0.1:8090/v1"
LOCAL_MODEL = "smollm2-135m"

REASONING = Dialect(token_limit="max_completion_tokens", sampling=False)
_REASONING_MODEL = re.compile(r"(gpt-5|o\d)(?![a-z0-9])")


def choose(
    kind: Kind,
    *,
    base_url: str = "",
    api_key: ApiKey | None = None,
    model: str = "",
    timeout_seconds: float = 120.0,
) -> Provider:
    """Return the provider of this kind; an empty address or model means the usual one."""
    match kind:
        case "anthropic":
            return anthropic.Anthropic(
                base_url=base_url or anthropic.BASE_URL, model=model, api_key=api_key, timeout_seconds=timeout_seconds
            )
        case "openai":
            return OpenAICompatible(
                base_url=base_url or OPENAI_BASE_URL,
                model=model,
                api_key=api_key,
                timeout_seconds=timeout_seconds,
                dialect=REASONING if _REASONING_MODEL.match(model) else PLAIN,
            )
        case "local":
            return OpenAICompatible(
                base_url=base_url or LOCAL_BASE_URL,
                model=model or LOCAL_MODEL,
                api_key=api_key,
                timeout_seconds=timeout_seconds,
                name="local",
                dialect=EMBEDDED if model in ("", LOCAL_MODEL) else PLAIN,
            )
