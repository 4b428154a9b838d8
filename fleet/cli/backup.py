"""How does an operator save a cell, and bring it back?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleet.cli.answer import answer, json_option, table
from fleet.cli.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def passphrase_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--passphrase-file`; without it the setting `secrets.passphrase` applies."""
    text = "File with the passphrase (default: FLEET_SECRETS__PASSPHRASE)."
    return click.option("--passphrase-file", type=FILE, help=text)(command)


@click.group("backup")
def group() -> None:
    """Save a cell into one encrypted file; prove it, restore it, rehearse it.

    PLACE is a folder or s3://BUCKET/PREFIX (default: backup.place); BACKUP is a file's path or s3://BUCKET/PREFIX/NAME.
    """


@group.command("create")
@click.argument("place", required=False)
@passphrase_option
@json_option
def create_(place: str | None, passphrase_file: Path | None, as_json: bool) -> None:
    """Write a backup of the running cell to PLACE."""
    from dataclasses import asdict

    from fleet.backup import shelf
    from fleet.secrets import audit
    from fleet.settings import current
    from fleet.store.client import connect

    settings = current()
    kept = shelf.shelf(place or shelf.usual(settings), settings)
    audit.record("backup.create", kept.where)
    with progress("saving", as_json=as_json) as steps:
        where, made = shelf.save(kept, connect(decode=False), settings, _passphrase(passphrase_file), steps.reached)
    counts = ", ".join(f"{number} {what}" for what, number in made.counts.items())
    text = f"{where}: {counts}; {made.bytes / 1e6:.1f} MB in {made.seconds:.1f} s"
    answer({**asdict(made), "file": where}, as_json, text)


@group.command("list")
@click.argument("place", required=False)
@json_option
def list_(place: str | None, as_json: bool) -> None:
    """List the backups at PLACE by their manifests, oldest first; needs no passphrase."""
    from fleet.backup import shelf
    from fleet.clock import utc
    from fleet.settings import current

    kept = shelf.shelf(place or shelf.usual(current()), current())
    found = shelf.listed(kept)
    rows = [
        (row["file"], f"{utc(row['created_at']):%Y-%m-%d %H:%M:%S} UTC", row["counts"].get("tasks", 0), row["bytes"])
        for row in found
    ]
    text = table(("file", "of", "tasks", "bytes"), rows) if found else f"no backups at {kept.where}"
    answer({"place": kept.where, "backups": found}, as_json, text)


@group.command("forget")
@click.argument("place", required=False)
@click.option("--keep", type=click.IntRange(1), help="How many of each cell stay (default: backup.keep).")
@click.option("--dry-run", is_flag=True, help="Only say which would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def forget_(place: str | None, keep: int | None, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Delete all but the newest backups at PLACE."""
    from fleet.backup import shelf
    from fleet.secrets import audit
    from fleet.settings import current

    settings = current()
    kept, most = shelf.shelf(place or shelf.usual(settings), settings), keep or settings.backup.keep
    going = shelf.outdated(kept, most)
    if going and not dry_run:
        if not yes:
            click.confirm(f"Delete {len(going)} backups at {kept.where}, keep the newest {most}?", abort=True, err=True)
        audit.record("backup.forget", kept.where, detail={"count": len(going)})
        shelf.forget(kept, most)
    verb = "would go" if dry_run else "gone"
    answer({"place": kept.where, "gone": going, "dry_run": dry_run}, as_json, [f"{verb}: {name}" for name in going] or "nothing to delete")


@group.command("verify")
@click.argument("backup", required=False)
@passphrase_option
@json_option
def verify_(backup: str | None, passphrase_file: Path | None, as_json: bool) -> None:
    """Read BACKUP (default: the newest) to its end: every frame opens, and holds what the manifest says. Exit 1 when not."""
    from fleet.backup.restore import verify
    from fleet.backup.shelf import at_hand
    from fleet.settings import current

    backup = backup or _newest()
    with progress("fetching", as_json=as_json) as steps, at_hand(backup, current()) as file:
        manifest = verify(file, _passphrase(passphrase_file), steps.reached)
    counts = ", ".join(f"{number} {what}" for what, number in manifest["counts"].items())
    answer({"ok": True, **manifest}, as_json, f"{backup} is whole: {counts}")


@group.command("restore")
@click.argument("backup")
@click.option("--dry-run", is_flag=True, help="Read it whole and look whether the cell is empty; write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@passphrase_option
@json_option
def restore_(backup: str, dry_run: bool, yes: bool, passphrase_file: Path | None, as_json: bool) -> None:
    """Bring BACKUP back into this cell, which must be empty."""
    from fleet.backup import files
    from fleet.backup.restore import in_use, restore, settle, verify
    from fleet.backup.shelf import at_hand
    from fleet.costs.durable import ledger_url
    from fleet.errors import Conflict
    from fleet.secrets import audit
    from fleet.settings import current
    from fleet.store.client import connect

    settings = current()
    with at_hand(backup, settings) as file:
        if dry_run:
            with progress("reading", as_json=as_json) as steps:
                manifest = verify(file, _passphrase(passphrase_file), steps.reached)
            if key := in_use(connect(decode=False), settings.cell):
                raise Conflict(f"cell {settings.cell!r} is in use (it has {key}): restore into an empty one")
            counts = ", ".join(f"{number} {what}" for what, number in manifest["counts"].items())
            answer({"dry_run": True, **manifest}, as_json, f"would restore into cell {settings.cell!r}: {counts}")
            return
        if not yes:
            click.confirm(f"Restore {backup} into cell {settings.cell!r}?", abort=True, err=True)
        client, word = connect(decode=False), _passphrase(passphrase_file)
        with progress("restoring", as_json=as_json) as steps:
            done = restore(file, word, client, settings.cell, files.places(settings), steps.reached)
            done = settle(connect(), settings.cell, ledger_url(settings), done)
        audit.record("backup.restore", file.name, detail={"tasks": sum(done.tasks.values()), "keys": done.keys})
    tasks = ", ".join(f"{number} {state}" for state, number in done.tasks.items())
    lines = [f"{tasks}; ledger {done.ledger_usd} USD; {done.seconds:.1f} s"]
    lines += [f"{name} was missing here and is back" for name in done.files]
    lines += [f"{name} is here already and was left as it is" for name in done.kept_files]
    answer(done, as_json, [*lines, "start the fleet (`fleet up`): held tasks run as workers come"])


@group.command("drill")
@click.argument("backup", required=False)
@passphrase_option
@json_option
def drill_(backup: str | None, passphrase_file: Path | None, as_json: bool) -> None:
    """Restore BACKUP (default: the newest) into a throw-away broker, compare, and time it. Exit 1 when anything differs."""
    import sys

    from fleet.backup.drill import rehearse_apart
    from fleet.backup.shelf import at_hand
    from fleet.settings import current
    from fleet.supervisor import valkey

    with progress("fetching", as_json=as_json) as steps, at_hand(backup or _newest(), current()) as file:
        verdict = rehearse_apart(file, _passphrase(passphrase_file), current().cell, valkey.start, steps.reached)
    rows = [(row.what, row.expected, row.found, "equal" if row.ok else "DIFFERS") for row in verdict.rows]
    text = [table(("what", "in the backup", "restored", ""), rows), "", f"restored in {verdict.seconds:.1f} s"]
    answer(verdict.as_dict(), as_json, text)
    if not verdict.ok:
        sys.exit(1)


def _newest() -> str:
    from fleet.backup import shelf
    from fleet.settings import current

    return shelf.newest(shelf.shelf(shelf.usual(current()), current()), current().cell)


def _passphrase(file: Path | None) -> SecretStr:
    from pydantic import SecretStr

    from fleet.settings import current

    return SecretStr(file.read_text().strip()) if file else current().secrets.passphrase
