"""Do the written reference pages say what the code declares?"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from fleet.cli import reference_tables
from fleet.cli.config import REFERENCES
from fleet.cli.main import COMMANDS, cli

DOCS = Path(__file__).parents[3] / "docs"


PAGES = {"settings": "settings.md", "commands": "commands.md"} | {what: page for what, (page, _) in reference_tables.PAGES.items()}


@pytest.mark.parametrize("what", REFERENCES)
def test_the_page_is_what_the_code_declares(what: str) -> None:
    printed = CliRunner().invoke(cli, ["config", "reference", what], catch_exceptions=False).output
    assert printed == (DOCS / PAGES[what]).read_text(), f"run: make docs (fleet config reference {what} > docs/{PAGES[what]})"


def test_every_finding_of_the_doctor_has_its_section() -> None:
    said = set()
    for file in (DOCS.parent / "fleet" / "diagnostics" / "checks").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
                said.add(ast.unparse(node.args[0]).strip("'\""))
    computed = {name for name in said if name.startswith("f")}
    assert computed == {"f'resources.{name}"}, "an id is spelled out, so that it can be searched for"
    said = (said - computed) | {"resources.memory", "resources.disk"}
    page = (DOCS / "findings.md").read_text()
    assert said == set(re.findall(r"^### ([a-z_]+\.[a-z_]+)$", page, re.MULTILINE))


def test_every_command_is_on_the_page() -> None:
    page = (DOCS / "commands.md").read_text()
    assert [name for name in COMMANDS if f"## fleet {name}\n" not in page] == []
