"""How does an operator save a cell, and bring it back?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleet.cli.answer import answer, json_option, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


def passphrase_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--passphrase-file`; without it the setting `secrets.passphrase` applies."""
    text = "File with the passphrase (default: FLEET_SECRETS__PASSPHRASE)."
    return click.option("--passphrase-file", type=FILE, help=text)(command)


@click.group("backup")
def group() -> None:
    """Save a cell into one encrypted file; prove it, restore it, rehearse it."""


@group.command("create")
@click.argument("folder", type=FOLDER)
@passphrase_option
@json_option
def create_(folder: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Write a backup of the running cell into FOLDER."""
    from fleet.backup.create import create
    from fleet.secrets import audit
    from fleet.settings import current
    from fleet.store.client import connect

    audit.record("backup.create", str(folder))
    made = create(folder, connect(decode=False), current(), _passphrase(passphrase_file))
    counts = ", ".join(f"{number} {what}" for what, number in made.counts.items())
    answer(made, as_json, f"{made.file}: {counts}; {made.bytes / 1e6:.1f} MB in {made.seconds:.1f} s")


@group.command("list")
@click.argument("folder", type=FOLDER)
@json_option
def list_(folder: Path, as_json: bool) -> None:
    """List the backups in FOLDER by their manifests; needs no passphrase."""
    from fleet.backup.create import made
    from fleet.clock import utc

    found = made(folder)
    rows = [
        (row["file"], f"{utc(row['created_at']):%Y-%m-%d %H:%M:%S} UTC", row["counts"].get("tasks", 0), row["bytes"])
        for row in found
    ]
    answer({"backups": found}, as_json, table(("file", "of", "tasks", "bytes"), rows) if found else "no backups")


@group.command("verify")
@click.argument("file", type=FILE)
@passphrase_option
@json_option
def verify_(file: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Read FILE to its end: every frame opens, and holds what the manifest says. Exit 1 when not."""
    from fleet.backup.restore import verify

    manifest = verify(file, _passphrase(passphrase_file))
    counts = ", ".join(f"{number} {what}" for what, number in manifest["counts"].items())
    answer({"ok": True, **manifest}, as_json, f"{file} is whole: {counts}")


@group.command("restore")
@click.argument("file", type=FILE)
@click.option("--yes", is_flag=True, help="Do not ask.")
@passphrase_option
@json_option
def restore_(file: Path, yes: bool, passphrase_file: Path | None, as_json: bool) -> None:
    """Bring FILE back into this cell, which must be empty."""
    from fleet.backup import files
    from fleet.backup.restore import restore, settle
    from fleet.costs.durable import ledger_url
    from fleet.secrets import audit
    from fleet.settings import current
    from fleet.store.client import connect

    settings = current()
    if not yes:
        click.confirm(f"Restore {file} into cell {settings.cell!r}?", abort=True, err=True)
    done = restore(file, _passphrase(passphrase_file), connect(decode=False), settings.cell, files.places(settings))
    done = settle(connect(), settings.cell, ledger_url(settings), done)
    audit.record("backup.restore", file.name, detail={"tasks": sum(done.tasks.values()), "keys": done.keys})
    tasks = ", ".join(f"{number} {state}" for state, number in done.tasks.items())
    lines = [f"{tasks}; ledger {done.ledger_usd} USD; {done.seconds:.1f} s"]
    lines += [f"{name} was missing here and is back" for name in done.files]
    lines += [f"{name} is here already and was left as it is" for name in done.kept_files]
    answer(done, as_json, [*lines, "start the fleet (`fleet up`): held tasks run as workers come"])


@group.command("drill")
@click.argument("file", type=FILE)
@passphrase_option
@json_option
def drill_(file: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Restore FILE into a throw-away broker, compare, and time it. Exit 1 when anything differs."""
    import sys
    import tempfile

    from fleet.backup.drill import rehearse
    from fleet.settings import current
    from fleet.store.client import connect
    from fleet.supervisor import valkey

    with tempfile.TemporaryDirectory() as folder:
        broker = valkey.start(Path(folder))
        try:
            clients = connect(broker.url, decode=False), connect(broker.url)
            verdict = rehearse(file, _passphrase(passphrase_file), *clients, current().cell, Path(folder))
        finally:
            broker.process.kill()
            broker.process.wait(timeout=10)
    rows = [(row.what, row.expected, row.found, "equal" if row.ok else "DIFFERS") for row in verdict.rows]
    text = [table(("what", "in the backup", "restored", ""), rows), "", f"restored in {verdict.seconds:.1f} s"]
    answer(verdict.as_dict(), as_json, text)
    if not verdict.ok:
        sys.exit(1)


def _passphrase(file: Path | None) -> SecretStr:
    from pydantic import SecretStr

    from fleet.settings import current

    return SecretStr(file.read_text().strip()) if file else current().secrets.passphrase
