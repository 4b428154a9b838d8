"""How many tokens did a call use, when the provider does not say?

Four characters to a token is the usual figure for English; code and other scripts need more tokens per character, so
bytes are counted and three of them taken for one token: an estimate that would rather bill too much than too little.
"""

from __future__ import annotations

from collections.abc import Iterable

from workers.llm.provider import Message, Usage

BYTES_PER_TOKEN = 3
TOKENS_PER_MESSAGE = 4


def tokens_of(text: str) -> int:
    """Estimate the tokens of a text."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def estimate(messages: Iterable[Message], answer: str) -> Usage:
    """Estimate the usage of one call."""
    asked = sum(tokens_of(message.content) + TOKENS_PER_MESSAGE for message in messages)
    return Usage(input_tokens=asked, output_tokens=tokens_of(answer), source="estimated")
