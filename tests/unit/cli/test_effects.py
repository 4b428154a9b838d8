"""Does every command keep the promises of the tables: read-only refuses, what destroys asks, examples parse, help is whole?"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

import click
import pytest
from click.testing import CliRunner
from conftest import forget_facts

from fleet.cli.effects import CHANGES, DESTROYS, WATCHED, effect
from fleet.cli.examples import EXAMPLES
from fleet.cli.main import cli
from fleet.errors import ReadOnly

PROGRAMS = {"beat", "completion", "flower", "gateway", "maintenance", "mcp", "schema", "up", "worker"}
"""They run until stopped, or print what another program reads: `--json` would mean nothing."""


def commands(command: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group) or (command.invoke_without_command and path):
        yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            inner = command.get_command(click.Context(command), name)
            assert inner is not None
            yield from commands(inner, (*path, name))


ALL = dict(commands())


def options(command: click.Command) -> set[str]:
    return {name for one in command.params for name in one.opts}


def test_the_tables_name_commands_that_are_there() -> None:
    assert {*CHANGES, *DESTROYS, *WATCHED} <= set(ALL)
    assert {tuple(name.split()[1:]) for name in EXAMPLES} <= set(ALL)
    assert set(DESTROYS) <= set(CHANGES)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_a_command_explains_itself_and_answers_programs(path: tuple[str, ...]) -> None:
    command = ALL[path]
    assert (command.help or "").strip()
    if path[0] not in PROGRAMS and path != ("config", "reference"):
        assert "--json" in options(command)
    if path in DESTROYS:
        assert {"--yes", "--dry-run"} <= options(command)
    if path in WATCHED:
        assert "--watch" in options(command)


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines if line.startswith("fleet ")])
def test_an_example_parses(line: str) -> None:
    words = shlex.split(line)[1:]
    command: click.Command = cli
    while isinstance(command, click.Group) and words and (inner := command.get_command(click.Context(command), words[0])):
        command, words = inner, words[1:]
    command.make_context("example", words)


@pytest.mark.parametrize("path", [path for path, option in CHANGES.items() if not option], ids=" ".join)
def test_read_only_refuses_before_anything_is_asked_or_done(path: tuple[str, ...]) -> None:
    given: dict[str, Any] = {one.name: None for one in ALL[path].params if one.name}
    command = ALL[path]
    assert command.callback is not None
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FLEET_READ_ONLY", "1")
        environment.setenv("FLEET_BROKER__URL", "redis://127.0.0.1:1/0")
        forget_facts()
        with pytest.raises(ReadOnly, match=f"fleet {' '.join(path)} changes the fleet"), click.Context(command):
            command.callback(**given)
    # Only now: what runs beside this test must not remember what it meant.
    forget_facts()


def test_what_destroys_asks_and_a_dry_run_says_what_it_would_be_done_to() -> None:
    asked = CliRunner().invoke(cli, ["tasks", "cancel", "a", "b"], input="n\n")
    assert asked.exit_code == 1
    assert "Cancel a, b for good?" in asked.output
    dry = CliRunner().invoke(cli, ["tasks", "cancel", "a", "b", "--dry-run", "--json"])
    assert json.loads(dry.stdout)["arguments"]["task_ids"] == ["a", "b"]


def test_the_schema_describes_every_command() -> None:
    described = json.loads(CliRunner().invoke(cli, ["schema"]).stdout)["commands"]
    assert {row["command"]: row["effect"] for row in described} == {
        " ".join(("fleet", *path)): effect(path) for path in ALL
    }
    (one,) = json.loads(CliRunner().invoke(cli, ["schema", "tasks", "cancel"]).stdout)["commands"]
    assert {name for row in one["parameters"] for name in row.get("options", ())} >= {"--why", "--json", "--yes", "--dry-run"}
