"""Amounts: exact, rounded up, and nothing else is an amount."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.costs.money import MOST_MICROS, BadAmount, amount, check_currency, micros, usd, written


@given(st.integers(0, MOST_MICROS))
def test_micro_dollars_survive_the_way_to_decimal_and_back(count: int) -> None:
    assert micros(usd(count)) == count


@given(st.decimals(0, 1000, places=9))
def test_rounding_goes_up_and_by_less_than_one_micro_dollar(exact: Decimal) -> None:
    assert 0 <= usd(micros(exact)) - exact < Decimal("0.000001")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (-1, "negative"),
        ("-0.01", "negative"),
        (float("nan"), "finite"),
        ("NaN", "finite"),
        ("inf", "finite"),
        ("twelve", "not an amount"),
        (None, "not an amount"),
        (True, "not an amount"),
        ("1e12", "counted exactly"),
    ],
)
def test_what_is_no_amount_is_refused_with_its_place(value: object, why: str) -> None:
    with pytest.raises(BadAmount, match=rf"budgets\[0\]\.limits_usd\.day: .*{why}"):
        micros(value, "budgets[0].limits_usd.day")


def test_a_float_means_what_it_prints() -> None:
    assert amount(0.1) == Decimal("0.1")
    assert micros(0.1) == 100_000


def test_other_currencies_are_refused() -> None:
    check_currency("USD", "prices[0].currency")
    with pytest.raises(BadAmount, match=r"prices\[0\]\.currency: currency 'EUR'"):
        check_currency("EUR", "prices[0].currency")


def test_small_amounts_are_written_with_all_their_digits() -> None:
    assert written(0) == "0.00 USD"
    assert written(15) == "0.000015 USD"
    assert written(1_234_560_000) == "1,234.56 USD"
