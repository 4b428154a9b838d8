"""What will this task probably cost, before anything is learned about its type?

The declared base tokens of its type, stretched by complexity, priced on the model it asks for. Work on the local model
is free, and free work is never blocked by a budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from fleet import catalogue
from fleet.costs import configured
from fleet.costs.ladder import AUTO, ladder
from fleet.costs.prices import Quote
from fleet.costs.pricing import PriceBook
from fleet.costs.selection import Model, estimated_tokens
from fleet.settings import current

LOCAL_PROVIDER = "local"


@dataclass(frozen=True, slots=True)
class Estimate:
    """Micro-dollars and tokens of one task; model '' when it plans no paid call."""

    micros: int
    tokens: int
    model: str


FREE = Estimate(0, 0, "")


@cache
def price_book() -> PriceBook:
    """Return the prices that apply to this fleet."""
    return configured.price_book(current(), catalogue.current())


@cache
def models() -> tuple[Model, ...]:
    """Return the models this fleet may choose from."""
    return configured.models(current(), catalogue.current())


def of(task_type: str, payload: Mapping[str, Any], complexity: float) -> Estimate:
    """Estimate one task. A model nobody priced costs nothing here; the paid call itself will be refused."""
    if "prompt" not in payload:
        return FREE
    settings, named = current().llm, payload.get("model")
    model = named if isinstance(named, str) and named else settings.model
    if settings.provider == LOCAL_PROVIDER and model == settings.model:
        return FREE
    kind = catalogue.current().task_types[task_type].estimate
    if model == AUTO:
        return _climbing(kind, settings.provider, round(complexity, 2))
    return _paid(kind, model, settings.provider, round(complexity, 2))


@cache
def _climbing(kind: str, provider: str, complexity: float) -> Estimate:
    """Estimate a task that may end on the best model: as if it did."""
    rungs = ladder(models(), price_book(), provider, kind, complexity, datetime.now(UTC))
    best = max(rungs, key=lambda rung: rung.quality, default=None)
    return _paid(kind, best.model, provider, complexity) if best else FREE


@cache
def _paid(kind: str, model: str, provider: str, complexity: float) -> Estimate:
    efficiency = next((known.efficiency for known in models() if known.name == model), 1.0)
    usage = estimated_tokens(kind, complexity, efficiency)
    quote = price_book().quote(
        model, usage, datetime.now(UTC), provider=provider if provider != LOCAL_PROVIDER else None
    )
    if not isinstance(quote, Quote) or quote.is_free:
        return Estimate(0, usage.tokens, model)
    return Estimate(quote.micros, usage.tokens, model)
