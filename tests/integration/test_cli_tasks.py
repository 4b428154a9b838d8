"""Does an operator see what nobody could decode?"""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from fleet.cli.tasks import tasks
from fleet.dispatcher import malformed


@pytest.mark.usefixtures("store")
def test_malformed_messages_are_shown_with_their_reason() -> None:
    malformed.keep("fleet.security_scanner", b"{not json", "is not JSON")
    rows = json.loads(CliRunner().invoke(tasks, ["malformed", "--json"]).output)
    assert [(row["queue"], row["reason"], row["text"]) for row in rows] == [("fleet.security_scanner", "is not JSON", "{not json")]
    assert "is not JSON" in CliRunner().invoke(tasks, ["malformed"]).output
