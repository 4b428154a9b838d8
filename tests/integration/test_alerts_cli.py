"""Can an operator see, take, quiet, test and undo from the command line?"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import CliRunner
from pytest_httpserver import HTTPServer

from fleet.cli.actions import group as actions
from fleet.cli.alerts import group as alerts
from fleet.cli.metrics import command as metrics
from fleet.cli.metrics import serve
from fleet.secrets.audit import newest
from fleet.settings import current
from fleet.store import keys
from fleet.store.scripts import script


@pytest.fixture
def file(tmp_path: Path, store: redis.Redis, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fleet file with one rule that holds at once, and one receiver."""
    httpserver.expect_request("/in").respond_with_data("ok")
    made = tmp_path / "fleet.yaml"
    made.write_text(
        "alerts:\n"
        "  channels:\n"
        f"    hook: {{kind: slack, url: '{httpserver.url_for('/in')}'}}\n"
        "  rules:\n"
        "    fenced: {expr: 'sum(fleet_fenced_total) > 0', for: 0s, severity: critical, channels: [hook]}\n"
    )
    monkeypatch.setenv("FLEET_FILE", str(made))
    writes = [["count", 3, "", "fleet_fenced_total", "claim"]]
    script("telemetry/record.lua")(store, [keys.prefix(current().cell)], [json.dumps(writes)])
    return made


def run(group: Any, *arguments: str, code: int = 0) -> Any:
    done = CliRunner().invoke(group, [*arguments], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if "--json" in arguments else done.stdout


@pytest.mark.usefixtures("file")
def test_an_incident_from_number_to_history(httpserver: HTTPServer) -> None:
    ran = run(alerts, "run", "--json")
    assert (ran["announcements"] >= 1, ran["delivered"].get("told", 0) >= 1) == (True, True)
    assert any(b"fenced" in request.get_data() for request, _ in httpserver.log)
    (incident,) = [one for one in run(alerts, "list", "--json")["incidents"] if one["rule"] == "fenced"]
    assert (incident["status"], incident["members"][0]["value"]) == ("firing", 3.0)
    assert "fenced" in run(alerts, "list", "--rule", "fenced")
    assert "is yours" in run(alerts, "ack", "fenced", "--by", "ada")
    assert "acknowledged by ada" in run(alerts, "list")
    kinds = [row["kind"] for row in run(alerts, "history", "--json")["history"] if row["rule"] == "fenced"]
    assert kinds == ["acknowledged", "firing"]
    assert any(entry.action == "incident.acknowledge" for entry in newest(10))


@pytest.mark.usefixtures("file")
def test_silences_come_and_go() -> None:
    made = run(alerts, "silence", "fenced", "--for", "1h", "--comment", "known", "--json")
    run(alerts, "run")
    (incident,) = [row for row in run(alerts, "list").splitlines() if row.startswith("fenced")]
    assert f"silence {made['id']}" in incident
    assert run(alerts, "silence", "--remove", made["id"], "--json") == {"removed": 1}


@pytest.mark.usefixtures("file")
def test_a_test_notification_says_what_the_receiver_answered(httpserver: HTTPServer) -> None:
    assert run(alerts, "send-test", "hook").startswith("told")
    httpserver.clear()
    httpserver.expect_request("/in").respond_with_data("no_team", status=404)
    assert "answered 404: no_team" in run(alerts, "send-test", "hook", code=1)


@pytest.mark.usefixtures("file")
def test_what_a_test_opens_at_pagerduty_it_closes(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Path(os.environ["FLEET_FILE"])
    made.write_text(made.read_text().replace("{kind: slack,", "{kind: pagerduty, secret: pager/key,"))
    monkeypatch.setenv("FLEET_SECRETS__BACKEND", "environment")
    monkeypatch.setenv("FLEET_SECRET_PAGER__KEY___VALUE", "routing")
    assert run(alerts, "send-test", "hook").startswith("told")
    events = [request.get_json() for request, _ in httpserver.log]
    assert [event["event_action"] for event in events] == ["trigger", "resolve"]
    assert len({event["dedup_key"] for event in events}) == 1


def test_rules_are_checked_and_unheard_ones_named(file: Path) -> None:
    answer = run(alerts, "check", "--json")
    assert "fenced" in answer["rules"]
    assert "fenced" not in answer["unheard"]
    assert "broker_down" in answer["unheard"]
    file.write_text(file.read_text().replace("fleet_fenced_total", "fleet_fensed_total"))
    done = CliRunner().invoke(alerts, ["check", str(file)])
    assert "did you mean 'fleet_fenced_total'" in str(done.exception)


@pytest.mark.usefixtures("file")
def test_actions_by_hand_dry_and_real(store: redis.Redis) -> None:
    key = keys.prefix(current().cell) + "emergency"
    assert "would admit 10% of ordinary" in run(
        actions, "take", "immediate_intervention", "--share", "0.1", "--dry-run"
    )
    assert not store.exists(key)
    taken = run(actions, "take", "immediate_intervention", "--share", "0.1", "--for", "10m", "--json")
    assert store.hget(key, "share") == "0.1"
    assert taken["id"] in run(actions, "list")
    assert "restored" in run(actions, "undo", taken["id"])
    assert not store.exists(key)
    assert "no action is in force" in run(actions, "list")
    assert [row["verb"] for row in run(actions, "list", "--past", "5", "--json")["actions"]] == ["undone", "taken"]


@pytest.mark.usefixtures("file")
def test_a_performance_bundle_is_stored_and_shown() -> None:
    taken = run(actions, "take", "performance_investigation", "--why", "slow", "--json")
    shown = json.loads(run(actions, "show", taken["id"]))
    assert shown["why"] == "slow"
    assert {"stacks", "slowest_tasks", "targets", "signals"} <= set(shown)
    assert "fleet_broker_up{}" in shown["signals"]


@pytest.mark.usefixtures("file")
def test_the_metrics_program_answers_scrapes() -> None:
    import threading
    import urllib.request

    from fleet.cli.metrics import _page

    assert 'fleet_fenced_total{step="claim"} 3.0' in run(metrics, "--once")
    assert run(metrics, "--count", "--json")["series"]["fleet_fenced"] == 1
    server = serve("127.0.0.1", 0, _page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics", timeout=10) as answer:
            assert b"fleet_broker_up 1.0" in answer.read()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
