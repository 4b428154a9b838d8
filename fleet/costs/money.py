"""How is money written, counted and rounded?

Inside Redis and the ledger money is an integer number of micro-dollars; at the edges it is a Decimal of US dollars.
Rounding goes up, always: a paid call is never free, and a sum of rounded costs is never below the true sum.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal, InvalidOperation

from fleet.errors import ConfigurationError

MICROS_PER_USD = 1_000_000
# What Redis scripts write as JSON keeps 14 digits.
MOST_MICROS = 10**14 - 1
CURRENCY = "USD"


class BadAmount(ConfigurationError):
    """An amount of money that is none: negative, NaN, infinite, too large, not a number, or in another currency."""


def amount(amount_usd: object, where: str = "amount") -> Decimal:
    """Return US dollars as an exact Decimal; refuse what is not a plain amount."""
    if isinstance(amount_usd, bool) or not isinstance(amount_usd, (Decimal, int, str, float)):
        raise BadAmount(f"{where}: {amount_usd!r} is not an amount in {CURRENCY}: write a number such as 12.50")
    try:
        value = Decimal(str(amount_usd))
    except InvalidOperation:
        raise BadAmount(
            f"{where}: {amount_usd!r} is not an amount in {CURRENCY}: write a number such as 12.50"
        ) from None
    if not value.is_finite():
        raise BadAmount(f"{where}: {value} is not a finite amount: write a number such as 12.50")
    if value < 0:
        raise BadAmount(f"{where}: {value} {CURRENCY} is negative: amounts are zero or more")
    if value * MICROS_PER_USD > MOST_MICROS:
        raise BadAmount(
            f"{where}: {value} {CURRENCY} is more than {usd(MOST_MICROS)}, the most that is counted exactly"
        )
    return value


def micros(amount_usd: object, where: str = "amount") -> int:
    """Return US dollars as micro-dollars, rounded up; refuse what is not a plain amount."""
    return rounded(amount(amount_usd, where))


def rounded(exact_usd: Decimal) -> int:
    """Round an exact cost to micro-dollars, upwards."""
    return int((exact_usd * MICROS_PER_USD).to_integral_value(rounding=ROUND_CEILING))


def usd(amount_micros: int) -> Decimal:
    """Return micro-dollars as an exact Decimal of US dollars."""
    return Decimal(amount_micros).scaleb(-6)


def written(amount_micros: int) -> str:
    """Write an amount for people: cents from one cent up, all six digits below."""
    value = usd(amount_micros)
    return (
        f"{value:,.2f} {CURRENCY}" if abs(amount_micros) >= 10_000 or not amount_micros else f"{value:.6f} {CURRENCY}"
    )


def check_currency(currency: object, where: str) -> None:
    """Refuse any currency but US dollars: the fleet converts nothing, so it must not add unlike amounts."""
    if currency != CURRENCY:
        raise BadAmount(f"{where}: currency {currency!r} is unknown: prices and budgets are in {CURRENCY}")
