"""Prices: the table resolves, dates apply, and an unknown model is never free."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.costs.price_section import parse_prices
from fleet.costs.prices import Price, Quote, Unpriced, Usage, estimated_usage
from fleet.costs.pricing import REFERENCE, PriceBook, price_table
from fleet.errors import ConfigurationError

NOW = datetime(2026, 6, 1, tzinfo=UTC)
THOUSAND = Usage(1000, 1000)


def quoted(answer: Quote | Unpriced) -> Quote:
    assert isinstance(answer, Quote), answer
    return answer


@pytest.mark.parametrize(
    ("model", "usd"),
    [
        ("gpt-5", "0.008"),
        ("gpt-4o", "0.0035"),
        ("claude-opus-4.1", "0.09"),
        ("claude-sonnet-3.5", "0.018"),
        ("gemini-2.0-flash", "0.003"),
    ],
)
def test_the_reference_table_resolves_by_its_names(model: str, usd: str) -> None:
    quote = quoted(PriceBook(price_set="reference").quote(model, THOUSAND, NOW))
    assert quote.usd == Decimal(usd)
    assert quote.origin == "reference table"


@pytest.mark.parametrize("model", [price.model for price in REFERENCE])
def test_list_prices_resolve_the_same_names_and_say_where_they_are_from(model: str) -> None:
    quote = quoted(PriceBook().quote(model, THOUSAND, NOW))
    assert quote.micros > 0
    assert "genai-prices" in quote.origin


def test_list_prices_know_cached_tokens() -> None:
    full = quoted(PriceBook().quote("gpt-5", Usage(1000, 0), NOW))
    cached = quoted(PriceBook().quote("gpt-5", Usage(1000, 0, cached_input_tokens=800), NOW))
    assert cached.micros < full.micros


def test_an_unknown_model_is_refused_and_never_free() -> None:
    answer = PriceBook().quote("model-nobody-heard-of", THOUSAND, NOW)
    assert isinstance(answer, Unpriced)
    assert "`prices` section" in answer.reason


def test_a_local_model_is_free_because_somebody_said_so() -> None:
    by_provider = quoted(PriceBook().quote("smollm2-135m", THOUSAND, NOW, provider="local"))
    by_row = quoted(PriceBook(parse_prices([{"model": "mine", "local": True}])).quote("mine", THOUSAND, NOW))
    assert by_provider.is_free
    assert by_row.is_free
    assert by_provider.micros == by_row.micros == 0
    assert "local" in by_provider.origin
    assert "prices[0]" in by_row.origin


def test_overrides_win_from_their_date_to_their_end() -> None:
    section = [
        {"model": "gpt-5", "input_usd_per_1k": 1, "output_usd_per_1k": 1, "from": "2026-01-01", "until": "2026-05-01"},
        {"model": "gpt-5", "input_usd_per_1k": "2", "output_usd_per_1k": "2", "from": "2026-05-01"},
    ]
    book = PriceBook(parse_prices(section), "reference")
    moments = [datetime(2025, 12, 31, tzinfo=UTC), datetime(2026, 4, 30, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)]
    before, first, second = (quoted(book.quote("gpt-5", THOUSAND, at)).usd for at in moments)
    assert (before, first, second) == (Decimal("0.008"), 2, 4)


def test_cached_reasoning_and_batch_have_their_own_prices() -> None:
    row = {
        "model": "m",
        "input_usd_per_1k": 1,
        "output_usd_per_1k": 10,
        "cached_input_usd_per_1k": "0.1",
        "cache_write_usd_per_1k": 2,
        "reasoning_usd_per_1k": 20,
        "batch_discount": "0.25",
    }
    book = PriceBook(parse_prices([row]))
    usage = Usage(3000, 2000, cached_input_tokens=1000, cache_write_tokens=1000, reasoning_tokens=500)
    assert quoted(book.quote("m", usage, NOW)).usd == Decimal("1") + Decimal("0.1") + 2 + 15 + 10
    assert quoted(book.quote("m", usage, NOW, batch=True)).usd == Decimal("28.1") * Decimal("0.75")


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7))
def test_cheaper_kinds_of_tokens_never_raise_a_cost(into: int, out: int, cached: int, reasoning: int) -> None:
    price = Price("m", Decimal("0.003"), Decimal("0.015"), "here", cached_input_usd=Decimal("0.0003"))
    book = PriceBook((price,))
    plain = quoted(book.quote("m", Usage(into, out), NOW)).micros
    assert quoted(book.quote("m", Usage(into, out, cached, 0, reasoning), NOW)).micros <= plain


def test_usage_a_provider_did_not_tell_is_estimated_and_marked() -> None:
    usage = estimated_usage(401, 9)
    assert (usage.input_tokens, usage.output_tokens, usage.estimated) == (101, 3, True)
    assert quoted(PriceBook(price_set="reference").quote("gpt-5", usage, NOW)).estimated


def test_negative_usage_is_refused() -> None:
    assert isinstance(PriceBook(price_set="reference").quote("gpt-5", Usage(-1, 5), NOW), Unpriced)


def test_the_table_shows_each_price_with_its_origin() -> None:
    rows = price_table(PriceBook(price_set="reference"), ["gpt-5", "gpt-4.1", "nobody"], NOW)
    assert [type(row) for row in rows] == [Price, Price, Unpriced]
    assert [row.origin.split()[0] for row in rows if isinstance(row, Price)] == ["reference", "list"]


GOOD = {"model": "m", "input_usd_per_1k": 1, "output_usd_per_1k": 1}


@pytest.mark.parametrize(
    ("section", "place"),
    [
        ({"model": "m"}, r"prices\.model: expected a mapping"),
        ([GOOD | {"input_price": 1}], r"prices\[0\]: unknown key 'input_price'"),
        ([GOOD, GOOD | {"model": ""}], r"prices\[1\]\.model"),
        ([GOOD | {"currency": "EUR"}], r"prices\[0\]\.currency"),
        ([GOOD | {"input_usd_per_1k": -1}], r"prices\[0\]\.input_usd_per_1k: .*negative"),
        ([GOOD | {"output_usd_per_1k": float("nan")}], r"prices\[0\]\.output_usd_per_1k: .*finite"),
        ([{"model": "m", "input_usd_per_1k": 1}], r"prices\[0\]\.output_usd_per_1k: missing"),
        ([GOOD | {"local": True}], r"prices\[0\]: a local model costs nothing"),
        ([GOOD | {"batch_discount": 2}], r"prices\[0\]\.batch_discount"),
        ([GOOD | {"from": "2026-02-01", "until": "2026-01-01"}], r"prices\[0\]: the price ends .* before it starts"),
        ([GOOD | {"from": "soon"}], r"prices\[0\]\.from: 'soon'"),
        ([GOOD, GOOD], r"prices\[1\]: 'm' already has a price"),
    ],
)
def test_a_wrong_price_section_is_refused_with_its_place(section: object, place: str) -> None:
    with pytest.raises(ConfigurationError, match=place):
        parse_prices(section)
