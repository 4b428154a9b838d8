"""How does an operator read, prove and archive the audit log?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleet.cli.answer import answer, json_option, table

if TYPE_CHECKING:
    from fleet.secrets.audit_entry import Entry, Verdict


@click.group("audit")
def group() -> None:
    """The audit log: read, prove, archive."""


@group.command("list")
@click.option("-n", "count", default=50, show_default=True, help="How many of the newest entries.")
@json_option
def list_(count: int, as_json: bool) -> None:
    """Show the newest entries."""
    from fleet.secrets.audit import newest

    show(newest(count), as_json)


@group.command("verify")
@click.option(
    "--file", "file", type=click.Path(exists=True, path_type=Path), help="An archive instead of the live log."
)
@json_option
def verify(file: Path | None, as_json: bool) -> None:
    """Follow the chain of entries; exit 1 at a broken link."""
    from fleet.secrets import audit

    _judged(audit.verify_archive(file) if file else audit.verify(), as_json)


@group.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--keep", default=100_000, show_default=True, help="How many of the newest entries Redis keeps.")
@json_option
def export(file: Path, keep: int, as_json: bool) -> None:
    """Append what is new to FILE (JSON lines) and let Redis forget what is old."""
    from fleet.secrets import audit

    audit.record("audit.export", str(file))
    _judged(audit.archive(file, keep=keep), as_json)


def show(entries: Sequence[Entry], as_json: bool) -> None:
    """Print entries."""
    heads = ("seq", "at", "actor", "action", "target", "outcome", "source")
    rows = ((e.seq, e.at[:19], e.actor, e.action, e.target, e.outcome, e.source) for e in entries)
    answer({"entries": entries}, as_json, table(heads, rows) if entries else "no entries")


def _judged(verdict: Verdict, as_json: bool) -> None:
    text = (
        f"{'intact' if verdict.ok else 'BROKEN'}: {verdict.reason} (last: {verdict.last.seq} {verdict.last.hash[:16]})"
    )
    answer(verdict, as_json, text)
    if not verdict.ok:
        sys.exit(1)
