"""How are settings and commands written down for people, from what the code declares?

`docs/settings.md` and `docs/commands.md` are this text; a test compares them, `make docs` writes them.
"""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from fleet.cli.examples import EXAMPLES

SETTINGS = """\
# Settings

Every setting has a default. The `settings` section of `fleet.yaml` overrides defaults, the environment overrides both:
`dispatch.hold` is `FLEET_DISPATCH__HOLD`. A name that is not in these tables is refused, so a typo is never a default.
`fleet config show` says what applies here and where each value comes from. This page is written by
`fleet config reference settings`.
"""
COMMANDS = """\
# Commands

Every command explains itself with `--help`; those with `--json` print the same for programs, and `fleet schema` describes
all of them as JSON. Exit codes: 0 done; 1 refused, failed, or judged bad (the reason is on standard error); 2 wrong usage; of
`fleet doctor` 0 healthy or warning, 1 unhealthy, 2 critical. What cannot be taken back asks first: `--yes` answers, `--dry-run`
only says what it would be done to. With `FLEET_READ_ONLY=1` every command that changes something is refused. `fleet completion`
prints what your shell needs to complete names. This page is written by `fleet config reference commands`.
"""


def settings_page(model: type[BaseModel]) -> str:
    """Return the settings as Markdown, a table per group."""
    plain = {name: field for name, field in model.model_fields.items() if _group(field) is None}
    parts = [SETTINGS, _section("The fleet", "", plain, meanings(model))]
    for name, field in model.model_fields.items():
        if (group := _group(field)) is not None:
            parts.append(_section(name, f"{name}.", group.model_fields, meanings(group)))
    return "\n".join(parts)


def commands_page(root: click.Group) -> str:
    """Return the command tree as Markdown, a section per top-level command."""
    parts = [COMMANDS]
    ctx = click.Context(root, info_name="fleet")
    for name in sorted(root.list_commands(ctx)):
        command = root.get_command(ctx, name)
        assert command is not None
        if not command.hidden:
            rows = list(_commands(command, f"fleet {name}"))
            parts.append(f"## fleet {name}\n\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """Return what each field means: the text that stands below it in the source.

    Read here, when somebody asks: pydantic would read the sources whenever the class is made, in every worker that starts.
    """
    tree = ast.parse(inspect.getsource(inspect.getmodule(model) or model))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == model.__name__)
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }  # fmt: skip


def _section(title: str, prefix: str, fields: dict[str, FieldInfo], means: Mapping[str, str]) -> str:
    rows = [
        f"| `{prefix}{name}` | {_default(field)} | {_kind(field.annotation)} | {_cell(means.get(name, ''))} |"
        for name, field in fields.items()
    ]
    return f"## {title}\n\n| setting | default | kind | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def _group(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, tuple):
        value = ", ".join(map(str, value))
    if isinstance(value, float):
        value = f"{value:g}"
    return f"`{value}`" if value not in ("", None) else "-"


def _kind(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return _cell(" or ".join(f"`{value}`" for value in arguments))
    if origin is tuple:
        return f"list of {_kind(arguments[0])}"
    if isinstance(annotation, types.UnionType):
        return " or ".join(_kind(one) for one in arguments if one is not types.NoneType)
    names = {SecretStr: "secret", str: "text", Path: "path", int: "whole number", float: "number", bool: "yes or no"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _commands(command: click.Command, path: str) -> Iterator[str]:
    arguments = [one.make_metavar(click.Context(command)) for one in command.params if isinstance(one, click.Argument)]
    yield f"**`{' '.join([path, *arguments])}`** {_first_line(command)}\n"
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    lines = [f"- `{', '.join([*one.opts, *one.secondary_opts])}` {_cell(one.help or '')}".rstrip() for one in options]
    if lines:
        yield "\n".join(lines) + "\n"
    if examples := EXAMPLES.get(path):
        yield "```text\n" + "\n".join(examples) + "\n```\n"
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            if not command.commands[name].hidden:
                yield from _commands(command.commands[name], f"{path} {name}")


def _first_line(command: click.Command) -> str:
    return _cell((command.help or "").partition("\n\n")[0])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
