"""Model selection: the formula, the limit, the ranking, and a clear refusal."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.costs.pricing import PriceBook
from fleet.costs.selection import REFERENCE_MODELS, Model, Wish, choose, estimated_tokens, score
from fleet.errors import ConfigurationError

NOW = datetime(2026, 6, 1, tzinfo=UTC)
BOOK = PriceBook(price_set="reference")
share = st.floats(0, 1)


def test_tokens_are_base_times_complexity_times_efficiency() -> None:
    usage = estimated_tokens("code_generation", 0.7, 1.0)
    assert (usage.input_tokens, usage.output_tokens) == (775, 3100)
    usage = estimated_tokens("security_analysis", 0.0, 0.9)
    assert (usage.input_tokens, usage.output_tokens) == (450, 675)
    usage = estimated_tokens("something else", 1.0, 1.2)
    assert (usage.input_tokens, usage.output_tokens) == (720, 1920)


def test_the_score_is_the_formula() -> None:
    wish = Wish("code_generation", complexity=0.7, quality_priority=0.5, speed_priority=0.2)
    expected = 0.95 * (0.5 * 1.2) + 0.8 * 0.2 + (1 / 1.02015) * 0.3
    choice = choose(wish, BOOK, NOW)
    [gpt5] = [ranked for ranked in choice.alternatives if ranked.model == "gpt-5"]
    assert gpt5.cost_micros == 20_150
    assert gpt5.score == pytest.approx(expected)
    assert score(REFERENCE_MODELS[0], wish, 0.02015) == pytest.approx(expected)


def test_quality_alone_picks_the_best_model() -> None:
    choice = choose(Wish("code_generation", 0.7, 0.8, 0.2, 500_000), BOOK, NOW)
    assert choice.model == "gpt-5"
    assert "gpt-5 scores" in choice.reason


def test_a_model_over_the_limit_is_out_and_says_so() -> None:
    choice = choose(Wish("code_generation", 0.7, 0.8, 0.2, limit_micros=10_000), BOOK, NOW)
    assert choice.model == "gpt-4o"
    assert {ranked.model for ranked in choice.refused} == {"gpt-5", "claude-opus-4.1", "claude-sonnet-3.5"}
    assert all("over the limit of 0.01 USD" in ranked.refused for ranked in choice.refused)


def test_no_model_fits_is_a_clear_refusal() -> None:
    choice = choose(Wish("code_generation", 1.0, limit_micros=1), BOOK, NOW)
    assert choice.model is None
    assert not choice.alternatives
    assert "raise the limit" in choice.reason


def test_a_model_without_a_price_is_never_recommended() -> None:
    choice = choose(Wish("general"), BOOK, NOW, models=[Model("nobody", 1.0, 1.0)])
    assert choice.model is None
    assert "in no price list" in choice.reason


def test_a_fallback_asks_again_without_what_failed() -> None:
    first = choose(Wish("general"), BOOK, NOW)
    assert first.model is not None
    second = choose(Wish("general"), BOOK, NOW, exclude={first.model})
    assert second.model == first.alternatives[1].model


def test_learned_costs_replace_the_formula() -> None:
    wish = Wish("code_generation", 0.5, limit_micros=100_000)
    learned = {("code_generation", "gpt-5"): 200_000}
    choice = choose(wish, BOOK, NOW, learned=learned)
    assert "gpt-5" in {ranked.model for ranked in choice.refused}


@given(share, share, share, st.integers(0, 10**6))
def test_the_answer_is_ranked_and_within_the_limit(complexity: float, quality: float, speed: float, limit: int) -> None:
    if quality + speed > 1:
        quality, speed = quality / 2, speed / 2
    choice = choose(Wish("security_analysis", complexity, quality, speed, limit), BOOK, NOW)
    scores = [ranked.score for ranked in choice.alternatives]
    assert scores == sorted(scores, reverse=True)
    assert all(ranked.cost_micros <= limit for ranked in choice.alternatives)
    assert len(choice.alternatives) + len(choice.refused) == len(REFERENCE_MODELS)
    assert choice.model == (choice.alternatives[0].model if choice.alternatives else None)


@pytest.mark.parametrize(
    "wrong", [{"complexity": 1.5}, {"quality_priority": -0.1}, {"quality_priority": 0.8, "speed_priority": 0.3}]
)
def test_weights_outside_their_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        Wish("general", **wrong)
