"""Which models may escalate into which, for one provider and kind of work?

The rungs of `escalation.plan`: the provider's models that have a price, with what one attempt is expected to cost.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fleet.costs.escalation import Rung
from fleet.costs.prices import Unpriced
from fleet.costs.pricing import PriceBook
from fleet.costs.selection import Model, estimated_tokens

# What a payload names instead of a model to have one chosen, verified and escalated.
AUTO = "auto"


def ladder(
    models: Iterable[Model], book: PriceBook, provider: str, kind: str, complexity: float, at: datetime
) -> tuple[Rung, ...]:
    """Return the provider's priced models; `kind` is the task type's token estimate."""
    rungs = []
    for model in models:
        if model.provider == provider:
            usage = estimated_tokens(kind, complexity, model.efficiency)
            quote = book.quote(model.name, usage, at, provider=provider)
            if not isinstance(quote, Unpriced):
                rungs.append(Rung(model.name, quote.micros, model.quality))
    return tuple(rungs)
