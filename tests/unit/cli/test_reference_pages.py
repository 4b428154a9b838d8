"""Do the written reference pages say what the code declares?"""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fleet.cli.main import COMMANDS, cli

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("what", ["settings", "commands"])
def test_the_page_is_what_the_code_declares(what: str) -> None:
    printed = CliRunner().invoke(cli, ["config", "reference", what], catch_exceptions=False).output
    assert printed == (DOCS / f"{what}.md").read_text(), f"run: fleet config reference {what} > docs/{what}.md"


def test_every_command_is_on_the_page() -> None:
    page = (DOCS / "commands.md").read_text()
    assert [name for name in COMMANDS if f"## fleet {name}\n" not in page] == []
