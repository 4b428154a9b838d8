"""Which prices did the user write?

Reads the catalogue's `prices` section. Every wrong key, amount, date and currency is refused with its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from fleet.costs.money import amount, check_currency
from fleet.costs.prices import Price
from fleet.costs.section import named_rows
from fleet.errors import ConfigurationError, UnknownName

AMOUNTS = {
    "input_usd_per_1k": "input_usd",
    "output_usd_per_1k": "output_usd",
    "cached_input_usd_per_1k": "cached_input_usd",
    "cache_write_usd_per_1k": "cache_write_usd",
    "reasoning_usd_per_1k": "reasoning_usd",
}
KEYS = ("model", "local", "currency", "from", "until", "batch_discount", *AMOUNTS)


def parse_prices(section: object, where: str = "prices") -> tuple[Price, ...]:
    """Read the section; raise `ConfigurationError` naming the first wrong place."""
    prices = tuple(_parse(row, place) for place, row in named_rows(section, where, "model"))
    _refuse_overlaps(prices)
    return prices


def _parse(row: object, where: str) -> Price:
    if not isinstance(row, Mapping):
        raise ConfigurationError(f"{where}: expected keys such as `model` and `input_usd_per_1k`, got {row!r}")
    for key in row:
        if key not in KEYS:
            raise UnknownName("key", str(key), KEYS, f"{where}: ")
    model = row.get("model")
    if not isinstance(model, str) or not model:
        raise ConfigurationError(f"{where}.model: expected a model's name, got {model!r}")
    check_currency(row.get("currency", "USD"), f"{where}.currency")
    starts, ends = _moment(row.get("from"), f"{where}.from"), _moment(row.get("until"), f"{where}.until")
    if starts and ends and ends <= starts:
        raise ConfigurationError(
            f"{where}: the price ends ({ends:%Y-%m-%d %H:%M}) before it starts ({starts:%Y-%m-%d %H:%M})"
        )
    return Price(
        model=model,
        origin=f"{where} of the catalogue" + (" (local)" if row.get("local") else ""),
        batch_discount=_share(row.get("batch_discount", "0.5"), f"{where}.batch_discount"),
        starts=starts,
        ends=ends,
        **_amounts(row, where),
    )


def _amounts(row: Mapping[Any, Any], where: str) -> dict[str, Decimal]:
    given = {field: row[key] for key, field in AMOUNTS.items() if row.get(key) is not None}
    if row.get("local") not in (None, False, True):
        raise ConfigurationError(f"{where}.local: expected true or false, got {row['local']!r}")
    if row.get("local"):
        if given:
            raise ConfigurationError(f"{where}: a local model costs nothing per token: drop `local` or the amounts")
        return {"input_usd": Decimal(0), "output_usd": Decimal(0)}
    for key in ("input_usd_per_1k", "output_usd_per_1k"):
        if row.get(key) is None:
            raise ConfigurationError(
                f"{where}.{key}: missing; write the price, or `local: true` for a model that costs nothing"
            )
    return {field: amount(row[key], f"{where}.{key}") for key, field in AMOUNTS.items() if row.get(key) is not None}


def _share(value: object, where: str) -> Decimal:
    try:
        share = Decimal(str(value))
    except ArithmeticError:
        share = Decimal(-1)
    if not (share.is_finite() and 0 <= share < 1):
        raise ConfigurationError(f"{where}: expected a share from 0 to below 1, got {value!r}")
    return share


def _moment(value: object, where: str) -> datetime | None:
    match value:
        case None:
            return None
        case datetime():
            moment = value
        case date():
            moment = datetime(value.year, value.month, value.day)
        case str():
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                raise ConfigurationError(f"{where}: {value!r} is not a date such as 2026-01-31") from None
        case _:
            raise ConfigurationError(f"{where}: {value!r} is not a date such as 2026-01-31")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _refuse_overlaps(prices: tuple[Price, ...]) -> None:
    seen: dict[tuple[str, datetime | None], str] = {}
    for price in prices:
        place = price.origin.split(" ")[0]
        first = seen.setdefault((price.model, price.starts), place)
        if first != place:
            raise ConfigurationError(
                f"{place}: {price.model!r} already has a price from the same moment in {first}: give one a later `from`"
            )
