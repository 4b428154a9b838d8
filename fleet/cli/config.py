"""How are settings and catalogue looked at and checked?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from fleet.cli.answer import answer, json_option, table

REFERENCES = ("settings", "commands", "events", "keys", "api", "rules", "runbooks")


@click.group()
def config() -> None:
    """Show and check settings and catalogue."""


@config.command()
@json_option
def show(as_json: bool) -> None:
    """Show every setting's value and where it comes from; secrets stay hidden."""
    from fleet.settings import load

    effective = load()
    rows = [
        (name, str(value), effective.origins.get(name, "default"))
        for name, value in _flat(effective.settings.model_dump(mode="json"))
    ]
    document = {name: {"value": value, "origin": origin} for name, value, origin in rows}
    answer(document, as_json, table(("setting", "value", "from"), rows))


@config.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@json_option
def check(file: Path | None, as_json: bool) -> None:
    """Check a catalogue file and the settings in it; what is wrong in the catalogue is named with its line."""
    from fleet import catalogue
    from fleet.dispatcher import declare
    from fleet.settings import catalogue_file, of_file

    declared = catalogue.load(file or catalogue_file())
    declare.check(declared, of_file(file or catalogue_file()).settings)
    unserved = declare.unserved(declared)
    summary = {
        "agent_types": len(declared.agent_types),
        "task_types": len(declared.task_types),
        "pools": len(declared.pools),
        "unserved": unserved,
    }
    counts = f"valid: {len(declared.agent_types)} agent types, {len(declared.task_types)} task types, {len(declared.pools)} pools"
    answer(summary, as_json, [counts, *unserved])


@config.command("catalogue")
@json_option
def catalogue_(as_json: bool) -> None:
    """Show the catalogue as it applies."""
    from fleet import catalogue

    declared = catalogue.current()
    rows = [
        (
            p.name,
            p.agent_type,
            p.queue,
            p.slots,
            f"{p.min_replicas}-{p.max_replicas}",
            f"{p.price_per_replica_hour_usd:g}",
        )
        for p in declared.pools.values()
    ]
    answer(
        declared.model_dump(mode="json"),
        as_json,
        table(("pool", "agent type", "queue", "slots", "replicas", "USD/h"), rows),
    )


@config.command()
@json_option
def layout(as_json: bool) -> None:
    """Tell which layout the cell's keys have, and whether this build fits (exit code 1: it does not). Programs migrate on their start."""
    from fleet.dispatcher import layouts

    found = layouts.read().as_dict()
    said = f"layout {found['version']}, written by build {found['written_by'] or 'unknown'}" if found["version"] else "an empty cell"
    fits = "fits" if found["fits"] else "is too old for it"
    pending = f"; on its start it migrates to {', '.join(map(str, found['pending']))}" if found["pending"] else ""
    answer(found, as_json, f"{said}; this build, {found['this_build']}, writes {found['this_build_writes']} and {fits}{pending}")
    if not found["fits"]:
        sys.exit(1)


@config.command()
@click.argument("what", type=click.Choice(REFERENCES), default="settings")
def reference(what: str) -> None:
    """Print what the code declares as a Markdown page: settings, commands, events, keys, api, rules, runbooks."""
    from fleet.cli import reference as pages
    from fleet.cli import reference_tables as tables
    from fleet.cli.main import cli
    from fleet.settings import Settings

    assert isinstance(cli, click.Group)
    match what:
        case "settings":
            page = pages.settings_page(Settings)
        case "commands":
            page = pages.commands_page(cli)
        case _:
            page = tables.PAGES[what][1]()
    click.echo(page, nl=False)


def _flat(tree: dict[str, Any], start: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, value in tree.items():
        flat += _flat(value, f"{start}{name}.") if isinstance(value, dict) else [(start + name, value)]
    return flat
