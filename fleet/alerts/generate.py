"""Which files are made from the rules in the box and from the dashboards in code?

Prometheus' rules and Grafana's dashboards, as the chart ships them. Run `python -m fleet.alerts.generate` after a
change; a test compares.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fleet.alerts import prometheus_rules, rulebook
from fleet.telemetry.dashboards import DASHBOARDS

FILES: Final = Path(__file__).parents[2] / "charts" / "fleet" / "files"


def generated() -> Iterator[tuple[Path, str]]:
    """Yield every generated file with its text."""
    book = rulebook.load()
    for rule in book.rules.values():
        yield FILES / "rules" / f"{rule.name}.yaml", prometheus_rules.text(book, rule)
    for name, build in DASHBOARDS.items():
        yield FILES / "dashboards" / f"{name}.json", json.dumps(build(), indent=2) + "\n"


def main() -> None:
    wanted = dict(generated())
    for folder in {path.parent for path in wanted}:
        folder.mkdir(parents=True, exist_ok=True)
        for stale in set(folder.iterdir()) - set(wanted):
            stale.unlink()
    for path, text in wanted.items():
        path.write_text(text)


if __name__ == "__main__":
    main()
