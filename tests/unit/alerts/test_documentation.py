"""Are the examples of the documentation valid?"""

from __future__ import annotations

import re
from pathlib import Path

from fleet.alerts import rulebook, trials
from fleet.catalogue.positions import read

PAGE = Path(__file__).parents[3] / "docs" / "alerts.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_example_section_is_a_valid_rule_book() -> None:
    defaults = Path(rulebook.__file__).with_name("defaults.yaml")
    book = rulebook.combine([read(defaults.read_text(), "defaults.yaml"), read(BLOCKS[0], "alerts.md")])
    assert "metrics_dropped" not in book.rules
    assert book.rules["high_error_rate"].lasting == 120
    assert book.rules["scans_are_slow"].action is not None


def test_the_example_test_passes(tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(BLOCKS[1])
    assert [result.problems for result in trials.run(file)] == [()]
