"""Which commands, arguments and options are there, for a program that types them? (`fleet schema`)"""

from __future__ import annotations

import json
from typing import Any

import click

EXIT_CODES = {
    "0": "done",
    "1": "refused, failed, or judged bad (the reason is on standard error)",
    "2": "wrong usage; of `fleet doctor`: critical",
}


@click.command()
@click.argument("command", nargs=-1)
def schema(command: tuple[str, ...]) -> None:
    """Print the commands as JSON: what each does to the fleet (reads, changes, destroys), its arguments and options.

    With COMMAND (`fleet schema tasks search`) only that one, and what is under it.
    """
    from fleet import __version__
    from fleet.cli.main import cli
    from fleet.errors import UnknownName

    assert isinstance(cli, click.Group)
    context, found = click.Context(cli, info_name="fleet"), cli
    for name in command:
        inner = found.get_command(context, name) if isinstance(found, click.Group) else None
        if inner is None:
            known = found.list_commands(context) if isinstance(found, click.Group) else ()
            raise UnknownName("command", name, known)
        found = inner  # type: ignore[assignment]
    click.echo(json.dumps({"version": __version__, "exit_codes": EXIT_CODES, "commands": _described(found, command, context)}, indent=1))


def _described(command: click.Command, path: tuple[str, ...], context: click.Context) -> list[dict[str, Any]]:
    """Return the command, if it does something itself, and everything under it."""
    from fleet.cli.effects import effect

    found: list[dict[str, Any]] = []
    if not isinstance(command, click.Group) or (command.invoke_without_command and path):
        found.append({
            "command": " ".join(("fleet", *path)),
            "help": command.help or "",
            "effect": effect(path),
            "parameters": [_parameter(one) for one in command.params],
        })  # fmt: skip
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                found += _described(inner, (*path, name), context)
    return found


def _parameter(one: click.Parameter) -> dict[str, Any]:
    kind = one.type
    described: dict[str, Any] = {
        "name": one.name,
        "kind": "option" if isinstance(one, click.Option) else "argument",
        "type": kind.name,
        "required": one.required,
        "several": one.multiple or one.nargs == -1,
    }
    if isinstance(one, click.Option):
        described |= {"options": [*one.opts, *one.secondary_opts], "is_flag": bool(one.is_flag), "help": one.help or ""}
    if isinstance(kind, click.Choice):
        described["choices"] = list(kind.choices)
    if isinstance(one.default, str | int | float | bool):
        described["default"] = one.default
    return described
