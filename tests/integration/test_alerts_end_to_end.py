"""Does a number in the store become one message, whoever judges: the fleet itself, or a real Prometheus?

Prometheus and Alertmanager are Debian's packages; where they are installed they take part, with the generated rule file,
scraping the real metrics program.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import yaml
from eventually import eventually
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fleet.alerts import prometheus_rules
from fleet.alerts.deliver import deliver
from fleet.alerts.evaluate import evaluate
from fleet.alerts.notifiers.outcome import TOLD
from fleet.alerts.rules import Channel, Rule, RuleBook
from fleet.alerts.scrape import page
from fleet.cli.metrics import serve
from fleet.store import keys
from fleet.store.scripts import script

CELL = "whole"
RULE = Rule.model_validate(
    {"name": "fenced", "expr": "sum by (step) (fleet_fenced_total) > 2", "severity": "critical", "channels": ("hook",)}
)
BOTH = shutil.which("prometheus") is not None and shutil.which("prometheus-alertmanager") is not None
JUDGES = ("fleet", "prometheus") if BOTH else ("fleet",)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ready(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=2) as answer:
        return bool(answer.status == 200)


@pytest.fixture
def scraped(store: redis.Redis) -> Iterator[int]:
    """The port of the metrics program for this cell."""
    server = serve("127.0.0.1", 0, lambda accept: page(store, CELL, time.time(), accept))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=JUDGES)
def judge_url(request: pytest.FixtureRequest, scraped: int, tmp_path: Path, httpserver: HTTPServer) -> Iterator[str]:
    """The address of a Prometheus that watches the fleet, or empty: the fleet judges alone."""
    if request.param == "fleet":
        yield ""
        return
    book = RuleBook(rules={"fenced": RULE})
    (tmp_path / "rules.yaml").write_text(prometheus_rules.text(book, RULE))
    prometheus, manager = free_port(), free_port()
    (tmp_path / "prometheus.yaml").write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": "250ms", "scrape_timeout": "250ms", "evaluation_interval": "250ms"},
                "rule_files": ["rules.yaml"],
                "scrape_configs": [
                    {
                        "job_name": "fleet",
                        "honor_labels": True,
                        "static_configs": [{"targets": [f"127.0.0.1:{scraped}"]}],
                    }
                ],
                "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{manager}"]}]}]},
            }
        )
    )
    (tmp_path / "alertmanager.yaml").write_text(
        yaml.safe_dump(
            {
                "route": {"receiver": "hook", "group_wait": "100ms", "group_interval": "1s"},
                "receivers": [{"name": "hook", "webhook_configs": [{"url": httpserver.url_for("/manager")}]}],
            }
        )
    )
    commands = (
        ["prometheus", f"--config.file={tmp_path}/prometheus.yaml", f"--storage.tsdb.path={tmp_path}/tsdb",
         f"--web.listen-address=127.0.0.1:{prometheus}", "--log.level=error"],
        ["prometheus-alertmanager", f"--config.file={tmp_path}/alertmanager.yaml", f"--storage.path={tmp_path}/am",
         f"--web.listen-address=127.0.0.1:{manager}", "--cluster.listen-address=", "--log.level=error"],
    )  # fmt: skip
    running = [subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) for command in commands]
    try:
        for port in (prometheus, manager):
            eventually(lambda port=port: ready(port), timeout=20)
        yield f"http://127.0.0.1:{prometheus}"
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(timeout=20)


def test_one_message_for_one_transition(store: redis.Redis, judge_url: str, httpserver: HTTPServer) -> None:
    got: dict[str, list[dict[str, object]]] = {"/in": [], "/manager": []}

    def receive(request: Request) -> Response:
        got[request.path].append(json.loads(request.get_data()))
        return Response("")

    httpserver.expect_request("/in").respond_with_handler(receive)
    httpserver.expect_request("/manager").respond_with_handler(receive)
    hook = Channel(name="hook", kind="webhook", url=httpserver.url_for("/in"), secret="hook")
    book = RuleBook(rules={"fenced": RULE}, channels={"hook": hook})

    def count(number: int) -> None:
        write = ["count", number, "", "fleet_fenced_total", "claim"]
        script("telemetry/record.lua")(store, [keys.prefix(CELL)], [json.dumps([write])])

    def look() -> list[object]:
        evaluate(store, CELL, book, time.time(), prometheus_url=judge_url)
        deliver(store, CELL, book, lambda _: "signing key", lambda _: TOLD)
        return [one["kind"] for one in got["/in"]]

    count(1)
    assert look() == []
    count(5)
    assert eventually(look, timeout=20) == ["firing"]
    (subject,) = got["/in"][0]["subjects"]  # type: ignore[misc]
    assert (subject["key"], subject["value"]) == ("fenced{step=claim}", "6")
    assert [look() for _ in range(3)] == [["firing"]] * 3
    if judge_url:
        eventually(lambda: got["/manager"], timeout=20)
        alert = got["/manager"][0]["alerts"][0]  # type: ignore[index]
        assert alert["labels"] == {"alertname": "fenced", "severity": "critical", "step": "claim"}
        assert alert["annotations"]["runbook_url"].endswith("fenced.md")
    store.delete(keys.prefix(CELL) + "metrics")
    assert eventually(lambda: look() if len(look()) > 1 else None, timeout=20) == ["firing", "resolved"]
