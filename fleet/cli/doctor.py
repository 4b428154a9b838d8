"""What is wrong, and what is to be typed?"""

from __future__ import annotations

import sys

import click

from fleet.cli.answer import answer, json_option

COLOURS = {"critical": "red", "unhealthy": "red", "warning": "yellow", "unknown": "yellow", "info": "cyan", "healthy": "green"}


@click.command()
@click.option("--fix", is_flag=True, help="Apply the fixes that cannot lose work, then look again.")
@json_option
def doctor(fix: bool, as_json: bool) -> None:
    """Look at everything in ten seconds. Exit codes: 0 healthy or warning, 1 unhealthy, 2 critical."""
    from fleet.diagnostics import doctor as visit
    from fleet.diagnostics.finding import EXIT_CODES

    diagnosis = visit.diagnose()
    done: list[str] = []
    if fix:
        diagnosis, done = visit.mend(diagnosis)
    lines = [click.style(diagnosis.verdict.upper(), fg=COLOURS[diagnosis.verdict], bold=True)]
    lines += [
        f"  {name:14} {click.style(verdict, fg=COLOURS[verdict])}" for name, verdict in diagnosis.sections.items()
    ]
    for finding in diagnosis.findings:
        lines += [
            "",
            f"{click.style(finding.severity, fg=COLOURS[finding.severity])}  {finding.subject}: {finding.evidence}",
        ]
        lines += [f"    so    {finding.consequence}", f"    do    {finding.fix}"]
    for why in dict.fromkeys(diagnosis.unseen.values()):
        names = ", ".join(name for name, one in diagnosis.unseen.items() if one == why)
        lines.append(f"not seen  {names}: {why}")
    lines += [f"mended    {line}" for line in done]
    answer(diagnosis.as_dict() | {"mended": done}, as_json, lines)
    sys.exit(EXIT_CODES[diagnosis.verdict])
