"""Is an operator told once, with evidence, when a real fleet's budget runs out and its tasks wait too long, and told when it is over?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from e2e.cell import Cell, running
from eventually import eventually
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fleet import submit
from fleet.alerts import job
from fleet.cli.main import cli
from fleet.dispatcher import tasks

FILE = Path(__file__).parent / "agents" / "everything.yaml"
WAIT = 60
CAP = 0.005
"""USD a day; the estimate of the task is 0.0043, and so is what it costs."""
TEXT = "```python\ndef add(a, b):\n    return a + b\n```"
ANSWER = {
    "model": "gpt-5", "choices": [{"message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 40, "completion_tokens": 700},
}  # fmt: skip


class Fleet:
    """A cell whose model costs something, and whose alerts arrive here."""

    def __init__(self, server: HTTPServer, directory: Path) -> None:
        self.told: list[dict[str, Any]] = []
        self.directory = directory
        server.expect_request("/model/chat/completions").respond_with_json(ANSWER)
        server.expect_request("/in").respond_with_handler(self._hear)

    def _hear(self, request: Request) -> Response:
        self.told.append(request.get_json())
        return Response("ok")

    def rules(self, server: HTTPServer) -> Path:
        """Write the fleet's file: rules in the box with shorter waits, and one receiver."""
        document = yaml.safe_load(FILE.read_text())
        document["budgets"] = {"makers": {"level": "team", "task_types": ["code_generation"], "limits_usd": {"day": CAP}, "policy": "defer"}}
        document["alerts"] = {
            "channels": {"hook": {"kind": "webhook", "url": server.url_for("/in"), "secret": "alerts/hook"}},
            "routes": {"critical": ["hook"], "warning": ["hook"]},
            "rules": {"queue_age_high": {"expr": "fleet_queue_age_seconds > 1", "for": "0s"}},
        }
        path = self.directory / "fleet.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    def news(self, rule: str) -> list[dict[str, Any]]:
        return [one for one in self.told if one["rule"] == rule]

    def look(self, rule: str, kind: str) -> bool:
        """Do what the scheduled job does, and say whether somebody was told."""
        job.run()
        return any(one["kind"] == kind for one in self.news(rule))


@pytest.fixture
def fleet(tmp_path: Path, httpserver: HTTPServer) -> Iterator[tuple[Fleet, Cell]]:
    made = Fleet(httpserver, tmp_path)
    settings = {
        "FLEET_FILE": str(made.rules(httpserver)), "FLEET_LLM__PROVIDER": "openai", "FLEET_LLM__MODEL": "gpt-5", "FLEET_LLM__API_KEY": "k",
        "FLEET_LLM__BASE_URL": httpserver.url_for("/model"), "FLEET_AGENTS__SANDBOX_MINIMUM": "rlimits",
        "FLEET_COSTS__PRICE_SET": "reference", "FLEET_SECRET_ALERTS__HOOK___VALUE": "signs-what-is-told",
    }  # fmt: skip
    with running(tmp_path, settings) as cell:
        cell.start("all", "one")
        yield made, cell


def test_a_budget_near_its_cap_and_tasks_that_grow_old_are_told_once_and_resolved(fleet: tuple[Fleet, Cell]) -> None:
    made, _ = fleet
    costly = submit("code_generation", {"prompt": "add", "checks": ["assert add(2, 3) == 5"]}, complexity=0.2)
    assert costly.get(timeout=WAIT)
    journals = [made.directory / "one", made.directory / "two"]
    long = [submit("nap", {"seconds": WAIT, "journal": str(journal)}) for journal in journals]
    eventually(lambda: all(journal.exists() for journal in journals), timeout=WAIT)
    late = submit("add", {"x": 1})
    eventually(lambda: made.look("budget_nearly_spent", "firing"), timeout=WAIT)
    eventually(lambda: made.look("queue_age_high", "firing"), timeout=WAIT)
    for _ in range(3):
        job.run()
    (budget,), (queue,) = made.news("budget_nearly_spent"), made.news("queue_age_high")
    assert budget["subjects"][0]["labels"] == [["budget", "makers"], ["period", "day"]]
    assert budget["first_things_to_try"]
    assert queue["subjects"][0]["labels"] == [["task_type", "add"]]
    evidence = dict(queue["evidence"])
    assert any(row.startswith("all: ") for row in evidence["Pools (target / ready / waiting)"]), queue
    assert CliRunner().invoke(cli, ["budget", "grant", "makers", "1"]).exit_code == 0
    for one in long:
        tasks.cancel(one.id, "seen enough")
    assert late.get(timeout=WAIT)
    eventually(lambda: made.look("budget_nearly_spent", "resolved"), timeout=WAIT)
    eventually(lambda: made.look("queue_age_high", "resolved"), timeout=WAIT)
    for rule in ("budget_nearly_spent", "queue_age_high"):
        assert [one["kind"] for one in made.news(rule)] == ["firing", "resolved"]
