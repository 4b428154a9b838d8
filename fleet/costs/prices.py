"""What does one token of a model cost, from when, and who says so?

Values only: what was used, what it costs per 1 000 tokens, and the answer to a price question. A model without a price
is a refusal (`Unpriced`), never a zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from fleet.costs.money import usd

CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. Input includes cached tokens and output includes reasoning, as providers report them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


def estimated_usage(prompt_characters: int, reply_characters: int) -> Usage:
    """Estimate the usage of a reply whose provider told none; marked as an estimate and rounded up."""
    return Usage(
        input_tokens=-(-prompt_characters // CHARACTERS_PER_TOKEN),
        output_tokens=-(-reply_characters // CHARACTERS_PER_TOKEN),
        estimated=True,
    )


@dataclass(frozen=True, slots=True)
class Price:
    """USD per 1 000 tokens of one model; what is not named costs what its parent kind costs."""

    model: str
    input_usd: Decimal
    output_usd: Decimal
    origin: str
    cached_input_usd: Decimal | None = None
    cache_write_usd: Decimal | None = None
    reasoning_usd: Decimal | None = None
    batch_discount: Decimal = Decimal("0.5")
    starts: datetime | None = None
    ends: datetime | None = None

    @property
    def is_free(self) -> bool:
        return not any((self.input_usd, self.output_usd, self.cache_write_usd or 0, self.reasoning_usd or 0))

    def applies(self, at: datetime) -> bool:
        """Say whether the price is in force; `starts` is inside the span, `ends` is not."""
        return (self.starts is None or self.starts <= at) and (self.ends is None or at < self.ends)


@dataclass(frozen=True, slots=True)
class Quote:
    """What a call costs, and by which price."""

    model: str
    micros: int
    origin: str
    is_free: bool
    estimated: bool = False

    @property
    def usd(self) -> Decimal:
        return usd(self.micros)

    def as_dict(self) -> Mapping[str, Any]:
        return {
            "model": self.model,
            "usd": str(self.usd),
            "micros": self.micros,
            "origin": self.origin,
            "free": self.is_free,
            "estimated": self.estimated,
        }


@dataclass(frozen=True, slots=True)
class Unpriced:
    """No price applies, so the call must not be made."""

    model: str
    reason: str
