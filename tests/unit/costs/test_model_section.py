"""The models of the catalogue: added, changed, taken away, and refused with their place."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fleet.costs.ladder import ladder
from fleet.costs.model_section import parse_models
from fleet.costs.pricing import PriceBook
from fleet.costs.selection import REFERENCE_MODELS, Model, Wish, choose
from fleet.errors import FleetError

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SMALL = {"gpt-5-mini": {"provider": "openai", "quality": 0.85, "speed": 0.9}}


def test_without_a_section_the_reference_models_apply() -> None:
    assert parse_models(None) == parse_models({}) == REFERENCE_MODELS


def test_rows_add_change_and_take_away() -> None:
    models = {m.name: m for m in parse_models({**SMALL, "gpt-5": {"quality": 0.97}, "gemini-2.0-flash": None})}
    assert models["gpt-5-mini"] == Model("gpt-5-mini", 0.85, 0.9, 1.0, "openai")
    assert models["gpt-5"] == Model("gpt-5", 0.97, 0.8, 1.0, "openai")
    assert "gemini-2.0-flash" not in models
    assert list(models)[:2] == ["gpt-5", "gpt-4o"]


def test_a_declared_cheap_model_is_chosen_and_gives_the_ladder_a_rung_at_list_prices() -> None:
    models = parse_models(SMALL)
    thrifty = Wish("code_generation", quality_priority=0.1, speed_priority=0.1)
    ranked = [row.model for row in choose(thrifty, PriceBook(), NOW, models=models).alternatives]
    assert ranked.index("gpt-5-mini") < ranked.index("gpt-5")
    rungs = {rung.model: rung.micros for rung in ladder(models, PriceBook(), "openai", "code_generation", 0.5, NOW)}
    assert rungs["gpt-5-mini"] < rungs["gpt-5"]


@pytest.mark.parametrize(
    ("section", "says"),
    [
        (["gpt-5"], "models: expected a mapping"),
        ({"x": 5}, "models.x: expected fields"),
        ({"x": {"quality": 1}}, "models.x.speed: missing"),
        ({"x": {"quality": 2, "speed": 1}}, "models.x.quality: expected a number above 0, at most 1, got 2"),
        ({"gpt-5": {"qualty": 1}}, "did you mean 'quality'"),
        ({"gpt-5": {"speed": float("nan")}}, "models.gpt-5.speed"),
        ({"gpt-5": {"quality": True}}, "models.gpt-5.quality"),
        ({"gpt-5": {"provider": ""}}, "models.gpt-5.provider"),
        ({"gtp-5": None}, "null takes a model away"),
    ],
)
def test_a_wrong_row_is_refused_with_its_place(section: object, says: str) -> None:
    with pytest.raises(FleetError, match=says):
        parse_models(section)
