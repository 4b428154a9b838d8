"""Does the command line have every command the pipeline, the compose file, the chart and the pages name, with those options?"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import click
import pytest
import yaml

from fleet.cli.main import cli

ROOT = Path(__file__).parents[3]
CALL = re.compile(r"^\s*(?:(?:- )?run: )?fleet ((?:release|render|rollout)\b.*)$", re.MULTILINE)
PROGRAM = re.compile(r'"args" \(list ([^)]*)\)')
PROBE = re.compile(r'\(list "fleet" ("probe"[^)]*)\)')
ARGUMENTS = re.compile(r'define "fleet\.\w+\.args" -}}(.*?)(?=\{\{/\*|define |\Z)', re.DOTALL)
BLOCK = re.compile(r"^ *```(?:bash|console)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
TYPED = re.compile(r"^ *fleet ([a-z].*)$", re.MULTILINE)
MOUNTED = re.compile(r"=/etc/fleet-\S+")


def called() -> Iterator[list[str]]:
    for file in sorted((ROOT / ".github").rglob("*.yml")):
        for line in CALL.findall(file.read_text()):
            yield shlex.split(re.sub(r"\$\{\w+\}", "x", line))
    for service in yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].values():
        if "agent-fleet" in service["image"]:
            yield service["command"]
    for template in sorted((ROOT / "charts/fleet/templates").rglob("*.yaml")):
        for found in (*PROGRAM.findall(template.read_text()), *PROBE.findall(template.read_text())):
            yield shlex.split(found.replace("$c.id", "code_generator"))
    for part in sorted((ROOT / "charts/fleet/templates/_parts").glob("*.tpl")):
        for block in ARGUMENTS.findall(part.read_text()):
            yield [MOUNTED.sub(f"={__file__}", line[2:]) for line in block.splitlines() if line.startswith("- ")]


def told() -> Iterator[list[str]]:
    """Yield what the pages tell people to type, in blocks that are executed nowhere as well."""
    for page in sorted([ROOT / "README.md", ROOT / "charts/fleet/README.md", *(ROOT / "docs").rglob("*.md")]):
        for block in BLOCK.findall(page.read_text()):
            for line in TYPED.findall(block.replace("\\\n", " ")):
                lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
                lexer.whitespace_split = True
                yield list(takewhile(lambda word: word[0] not in "|;&<>()", filter(None, lexer)))


COMMANDS = sorted({tuple(words) for words in (*called(), *told())})


def test_they_were_found() -> None:
    first = {words[0] for words in COMMANDS}
    assert {"gateway", "scaler", "beat", "flower", "metrics", "maintenance", "worker", "probe", "release"} <= first
    verbs = {words[1] for words in COMMANDS if words[0] == "release"}
    assert verbs == {"check", "smoke", "switch", "watch", "rollback"}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_command_line_takes_it(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_API_KEY", "x")
    command: click.Command = cli
    context = click.Context(cli)
    rest = list(words)
    while isinstance(command, click.Group) and (rest or not command.invoke_without_command):
        name = rest.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"fleet {' '.join(words)}: no command {name!r}"
        command = found
    try:
        command.make_context(words[-1], rest)
    except click.BadParameter as error:
        if "does not exist" not in error.message:  # a page's file is the reader's
            raise
