"""What do providers charge today, by their public lists?

The lists come with the genai-prices package and are read offline. Importing it takes half a second, so it happens on
the first question.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from fleet.costs.prices import Unpriced, Usage

# Names people use for models whose list entry is spelled otherwise.
ALIASES = {
    "claude-sonnet-3.5": "claude-3-5-sonnet",
    "claude-opus-4.1": "claude-opus-4-1",
}


def listed_usd(model: str, usage: Usage, at: datetime, provider: str | None = None) -> tuple[Decimal, str] | Unpriced:
    """Return the exact list price of the usage and where it stands, or why there is none."""
    import genai_prices

    try:
        found = genai_prices.calc_price(
            genai_prices.Usage(
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                cache_read_tokens=usage.cached_input_tokens,
                cache_write_tokens=usage.cache_write_tokens,
            ),
            model_ref=ALIASES.get(model, model),
            provider_id=provider,
            genai_request_timestamp=at,
        )
    except LookupError:
        return Unpriced(
            model,
            f"model {model!r} is in no price list: add it to the `prices` section (`local: true` if it costs nothing)",
        )
    if found.model_price.input_mtok is None and found.model_price.output_mtok is None:
        return Unpriced(model, f"model {model!r} is listed without a token price: add it to the `prices` section")
    return found.total_price, f"list prices of {found.provider.id}, genai-prices {genai_prices.__version__}"
