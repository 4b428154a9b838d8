"""How does a manager get the report?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleet.cli.answer import answer, json_option
from fleet.cli.progress import progress

if TYPE_CHECKING:
    from fleet.reports.facts import Span

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("span", type=click.Choice(["daily", "weekly", "monthly"]))
@click.option("--html", type=FILE, help="Write a self-contained page with plots here.")
@click.option("--markdown", type=FILE, help="Write Markdown here.")
@click.option("--keep", is_flag=True, help="Keep it in the state directory, as the scheduled ones are.")
@json_option
def report(span: Span, html: Path | None, markdown: Path | None, keep: bool, as_json: bool) -> None:
    """The period that ends now, beside the one before it, and what is left to do."""
    from dataclasses import asdict

    from fleet.reports import page, publish

    with progress("reading what was recorded", 3, as_json=as_json) as steps:
        done, text = publish.make(span, steps.done)
    if html:
        html.write_text(text)
    if markdown:
        markdown.write_text(page.as_markdown(done))
    if keep:
        publish.keep(done, text)
    answer(asdict(done), as_json, page.as_markdown(done))
