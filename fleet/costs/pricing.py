"""What does this call cost?

The user's own prices come first, then (when chosen) the reference table, then the public lists. Local models are free
because somebody said so, never because a price was missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from fleet.costs.list_prices import listed_usd
from fleet.costs.money import rounded
from fleet.costs.prices import Price, Quote, Unpriced, Usage

PriceSet = Literal["list", "reference"]
LOCAL_PROVIDER = "local"

REFERENCE: tuple[Price, ...] = tuple(
    Price(model, Decimal(into), Decimal(out), origin="reference table")
    for model, into, out in (
        ("gpt-5", "0.002", "0.006"),
        ("gpt-4o", "0.0015", "0.002"),
        ("claude-opus-4.1", "0.015", "0.075"),
        ("claude-sonnet-3.5", "0.003", "0.015"),
        ("gemini-2.0-flash", "0.001", "0.002"),
    )
)

Listed = Callable[[str, Usage, datetime, str | None], tuple[Decimal, str] | Unpriced]


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Every price that applies to this fleet."""

    overrides: tuple[Price, ...] = ()
    price_set: PriceSet = "list"
    listed: Listed = listed_usd

    def quote(
        self, model: str, usage: Usage, at: datetime, *, provider: str | None = None, batch: bool = False
    ) -> Quote | Unpriced:
        """Price one call made at `at`; batch calls get the price's batch discount."""
        if any(count < 0 for count in _counts(usage)):
            return Unpriced(model, f"usage {_counts(usage)} has a negative count: it was not reported by a provider")
        if price := self.known(model, at, provider):
            exact, origin, free, discount = _exact(price, usage), price.origin, price.is_free, price.batch_discount
        else:
            answer = self.listed(model, usage, at, provider)
            if isinstance(answer, Unpriced):
                return answer
            exact, origin = answer
            free, discount = self._listed_free(model, at, provider), Decimal("0.5")
        if batch:
            exact *= 1 - discount
        return Quote(model, rounded(exact), origin, free, usage.estimated)

    def known(self, model: str, at: datetime, provider: str | None = None) -> Price | None:
        """Return the override or reference price in force, newest start first; None: ask the lists."""
        for table in (self.overrides, REFERENCE if self.price_set == "reference" else ()):
            in_force = [price for price in table if price.model == model and price.applies(at)]
            if in_force:
                return max(in_force, key=lambda price: price.starts.timestamp() if price.starts else float("-inf"))
        if provider == LOCAL_PROVIDER:
            return free_price(model, "local model: its replica-seconds are priced instead")
        return None

    def _listed_free(self, model: str, at: datetime, provider: str | None) -> bool:
        probe = self.listed(model, Usage(1_000_000, 1_000_000), at, provider)
        return not isinstance(probe, Unpriced) and probe[0] == 0


def free_price(model: str, origin: str) -> Price:
    """Return the price of a model somebody declared free."""
    return Price(model, Decimal(0), Decimal(0), origin)


def price_table(
    book: PriceBook, models: Iterable[str], at: datetime, providers: Mapping[str, str] | None = None
) -> list[Price | Unpriced]:
    """Return the price per 1 000 tokens in and out of each model, as the book would apply it at that moment."""
    providers = providers or {}
    table: list[Price | Unpriced] = []
    for model in models:
        if price := book.known(model, at, providers.get(model)):
            table.append(price)
            continue
        into, out = (book.listed(model, usage, at, None) for usage in (Usage(1000, 0), Usage(0, 1000)))
        if isinstance(into, Unpriced) or isinstance(out, Unpriced):
            table.append(into if isinstance(into, Unpriced) else Unpriced(model, "no output price is listed"))
        else:
            table.append(Price(model, into[0], out[0], origin=into[1]))
    return table


def _exact(price: Price, usage: Usage) -> Decimal:
    cached = min(usage.cached_input_tokens, usage.input_tokens)
    written = min(usage.cache_write_tokens, usage.input_tokens - cached)
    reasoning = min(usage.reasoning_tokens, usage.output_tokens)
    parts = (
        (usage.input_tokens - cached - written, price.input_usd),
        (cached, price.input_usd if price.cached_input_usd is None else price.cached_input_usd),
        (written, price.input_usd if price.cache_write_usd is None else price.cache_write_usd),
        (usage.output_tokens - reasoning, price.output_usd),
        (reasoning, price.output_usd if price.reasoning_usd is None else price.reasoning_usd),
    )
    return sum((count * unit for count, unit in parts), Decimal(0)) / 1000


def _counts(usage: Usage) -> tuple[int, ...]:
    return (
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_input_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
    )
