"""What did the health job find and mend?"""

from __future__ import annotations

import sys
from datetime import datetime

import click

from fleet.cli.answer import answer, json_option, table


@click.command()
@click.option("--limit", default=20, show_default=True, help="How many repairs to show.")
@json_option
def health(limit: int, as_json: bool) -> None:
    """Show workers that fell silent, jobs that stopped, and what was mended."""
    from fleet.health import glance

    seen = glance.look(limit)
    lines = [f"{finding.severity:8} {finding.text}" for finding in seen.findings] or ["healthy"]
    if seen.repairs:
        rows = [
            (
                datetime.fromtimestamp(r["at"]).strftime("%H:%M:%S"),
                r["kind"],
                " ".join(f"{k}={v}" for k, v in r.items() if k not in ("at", "kind")),
            )
            for r in seen.repairs
        ]
        lines += ["", table(("mended", "what", "details"), rows)]
    answer(seen, as_json, lines)
    if any(finding.severity == "critical" for finding in seen.findings):
        sys.exit(1)
