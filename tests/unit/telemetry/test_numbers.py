"""Can a misspelt metric be counted from Python without anybody noticing?"""

from __future__ import annotations

import pytest

from fleet.errors import ConfigurationError, UnknownName
from fleet.store.numbers import count, observe


def test_writes_carry_name_labels_number_and_trace() -> None:
    assert count("fleet_llm_calls_total", "gpt-5", "ok") == ["count", 1, "", "fleet_llm_calls_total", "gpt-5", "ok"]
    expected = ["observe", 2.5, "abc", "fleet_llm_call_seconds", "gpt-5"]
    assert observe("fleet_llm_call_seconds", 2.5, "gpt-5", trace_id="abc") == expected


def test_unknown_names_wrong_labels_and_wrong_kinds_are_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean 'fleet_llm_calls_total'"):
        count("fleet_llm_call_total", "gpt-5", "ok")
    with pytest.raises(ConfigurationError, match="model, outcome; it was given 1"):
        count("fleet_llm_calls_total", "gpt-5")
    with pytest.raises(ConfigurationError, match="is a histogram"):
        count("fleet_llm_call_seconds", "gpt-5")
