"""Is what docs/costs.md tells people to declare accepted, and does it mean what the page says?"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from fleet.catalogue.load import load
from fleet.costs.budgets import Policy, parse_budgets
from fleet.costs.configured import declared_controls, models, price_book
from fleet.costs.ladder import ladder
from fleet.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "costs.md"


def test_the_declaration_on_the_page_is_in_force(tmp_path: Path) -> None:
    [block] = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "fleet.yaml").write_text(block)
    catalogue, settings = load(tmp_path / "fleet.yaml"), Settings()
    budgets = {budget.name: budget for budget in parse_budgets(catalogue.sections["budgets"])}
    assert budgets["research"].policy is Policy.PAUSE
    assert budgets["research"].parent == "company"
    declared = models(settings, catalogue)
    assert "gemini-2.0-flash" not in {model.name for model in declared}
    rungs = ladder(
        declared, price_book(settings, catalogue), "openai", "code_generation", 0.5, datetime(2026, 12, 1, tzinfo=UTC)
    )
    assert min(rungs, key=lambda rung: rung.micros).model == "gpt-5-mini"
    assert {change.field for change in declared_controls(settings, catalogue)} >= {"downgrade:gpt-5"}
