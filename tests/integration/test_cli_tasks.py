"""Does an operator see what nobody could decode?"""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from fleet import submit
from fleet.cli.tasks import tasks
from fleet.dispatcher import declare, malformed


@pytest.mark.usefixtures("store")
def test_malformed_messages_are_shown_with_their_reason() -> None:
    malformed.keep("fleet.security_scanner", b"{not json", "is not JSON")
    rows = json.loads(CliRunner().invoke(tasks, ["malformed", "--json"]).output)
    assert [(row["queue"], row["reason"], row["text"]) for row in rows] == [("fleet.security_scanner", "is not JSON", "{not json")]
    assert "is not JSON" in CliRunner().invoke(tasks, ["malformed"]).output


@pytest.mark.usefixtures("store")
def test_a_producers_own_record_finds_what_the_store_never_heard_of() -> None:
    declare.publish()
    known = submit("code_generation", {"prompt": "x"}).id
    noted = f"{known}\n\nlost-with-the-last-second\n{known}\n"
    answer = CliRunner().invoke(tasks, ["missing", "-", "--json"], input=noted)
    assert (answer.exit_code, json.loads(answer.output)) == (1, {"noted": 2, "missing": ["lost-with-the-last-second"]})
    answer = CliRunner().invoke(tasks, ["missing", "-"], input=f"{known}\n")
    assert (answer.exit_code, answer.output) == (0, "all 1 are known\n")
