"""Which model should do this task?

score = quality * (quality_priority * (0.5 + complexity)) + speed * speed_priority
        + cost_score * (1 - quality_priority - speed_priority),   cost_score = 1 / (1 + estimated cost in USD)

A model over the limit is out. The answer ranks every model that fits and says why the others do not; asking again with
`exclude` is the check at every fallback.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fleet.costs.money import usd, written
from fleet.costs.prices import Unpriced, Usage
from fleet.costs.pricing import PriceBook
from fleet.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Model:
    """What a model is worth: quality and speed in 0..1, efficiency = tokens it needs relative to gpt-5."""

    name: str
    quality: float
    speed: float
    efficiency: float = 1.0
    provider: str | None = None


REFERENCE_MODELS = (
    Model("gpt-5", 0.95, 0.8, 1.0, "openai"),
    Model("gpt-4o", 0.9, 0.9, 1.1, "openai"),
    Model("claude-opus-4.1", 0.92, 0.7, 0.9, "anthropic"),
    Model("claude-sonnet-3.5", 0.88, 0.85, 1.0, "anthropic"),
    Model("gemini-2.0-flash", 0.85, 0.95, 1.2, "google"),
)

# Tokens in and out of a task of medium size, before any were measured.
BASE_TOKENS: Mapping[str, tuple[int, int]] = {
    "code_generation": (500, 2000),
    "security_analysis": (1000, 1500),
    "performance_testing": (800, 1200),
    "performance_test": (800, 1200),
    "general": (300, 800),
}

# Learned cost of one task in micro-dollars, by (task type, model).
Learned = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller needs."""

    task_type: str
    complexity: float = 0.5
    quality_priority: float = 0.4
    speed_priority: float = 0.3
    limit_micros: int | None = None

    def __post_init__(self) -> None:
        for name in ("complexity", "quality_priority", "speed_priority"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ConfigurationError(f"{name} is {value}: expected a number from 0 to 1")
        if self.quality_priority + self.speed_priority > 1 + 1e-9:
            raise ConfigurationError(
                f"quality ({self.quality_priority}) and speed ({self.speed_priority}) add up to more than 1: "
                "what is left is the weight of cost"
            )


@dataclass(frozen=True, slots=True)
class Ranked:
    """One model's standing; `refused` tells why it is out."""

    model: str
    score: float
    cost_micros: int
    usage: Usage
    learned: bool
    origin: str
    refused: str = ""

    def as_dict(self) -> Mapping[str, Any]:
        return {
            "model": self.model,
            "score": round(self.score, 6),
            "estimated_cost_usd": str(usd(self.cost_micros)),
            "estimated_tokens": {"input": self.usage.input_tokens, "output": self.usage.output_tokens},
            "estimate": "learned" if self.learned else "formula",
            "price": self.origin,
        } | ({"refused": self.refused} if self.refused else {})


@dataclass(frozen=True, slots=True)
class Choice:
    """The recommendation, or none with the reason; alternatives best first."""

    model: str | None
    reason: str
    alternatives: tuple[Ranked, ...]
    refused: tuple[Ranked, ...]

    def as_dict(self) -> Mapping[str, Any]:
        return {
            "recommendation": self.model,
            "reasoning": self.reason,
            "alternatives": [ranked.as_dict() for ranked in self.alternatives],
            "refused": [ranked.as_dict() for ranked in self.refused],
        }


def estimated_tokens(task_type: str, complexity: float, efficiency: float) -> Usage:
    """Return base tokens * (0.5 + 1.5 * complexity) * efficiency."""
    into, out = BASE_TOKENS.get(task_type, BASE_TOKENS["general"])
    factor = (0.5 + 1.5 * complexity) * efficiency
    return Usage(round(into * factor), round(out * factor), estimated=True)


def choose(
    wish: Wish,
    book: PriceBook,
    at: datetime,
    *,
    models: Iterable[Model] = REFERENCE_MODELS,
    learned: Learned | None = None,
    exclude: Collection[str] = (),
) -> Choice:
    """Rank the models for the wish; no model fits: `model` is None and `reason` says what would help."""
    standing = [_rank(wish, model, book, at, learned or {}, exclude) for model in models]
    fit = sorted((r for r in standing if not r.refused), key=lambda r: (-r.score, r.cost_micros, r.model))
    out = tuple(r for r in standing if r.refused)
    return Choice(fit[0].model if fit else None, _reason(wish, fit, out), tuple(fit), out)


def score(model: Model, wish: Wish, cost_usd: float) -> float:
    """Return the reference score of one model; higher is better."""
    cost_score = 1 / (1 + cost_usd)
    return (
        model.quality * (wish.quality_priority * (0.5 + wish.complexity))
        + model.speed * wish.speed_priority
        + cost_score * (1 - wish.quality_priority - wish.speed_priority)
    )


def _rank(
    wish: Wish, model: Model, book: PriceBook, at: datetime, learned: Learned, exclude: Collection[str]
) -> Ranked:
    usage = estimated_tokens(wish.task_type, wish.complexity, model.efficiency)
    quote = book.quote(model.name, usage, at, provider=model.provider)
    if isinstance(quote, Unpriced):
        return Ranked(model.name, 0.0, 0, usage, False, "none", refused=quote.reason)
    known = learned.get((wish.task_type, model.name))
    cost = quote.micros if known is None or quote.is_free else known
    refused = ""
    if model.name in exclude:
        refused = "already tried"
    elif wish.limit_micros is not None and cost > wish.limit_micros:
        refused = f"estimated {written(cost)} is over the limit of {written(wish.limit_micros)}"
    value = score(model, wish, float(usd(cost)))
    return Ranked(model.name, value, cost, usage, known is not None, quote.origin, refused)


def _reason(wish: Wish, fit: list[Ranked], out: tuple[Ranked, ...]) -> str:
    if not fit:
        causes = "; ".join(f"{r.model}: {r.refused}" for r in out) or "no models are declared"
        return (
            f"no model fits {wish.task_type} at complexity {wish.complexity:g} ({causes}): "
            "raise the limit or declare a cheaper model"
        )
    best = fit[0]
    lead = f", {best.score - fit[1].score:.3f} ahead of {fit[1].model}" if len(fit) > 1 else ", the only one that fits"
    source = "learned" if best.learned else "estimated"
    dropped = f"; {len(out)} out" if out else ""
    return f"{best.model} scores {best.score:.3f}{lead}, {source} at {written(best.cost_micros)} a task{dropped}"
