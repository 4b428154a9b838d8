"""Does a report say what the fleet really recorded?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from rig import Rig

from fleet.cli.main import cli
from fleet.reports import publish
from fleet.secrets import audit


def test_tasks_money_and_refused_logins_are_counted(declared: Callable[..., Rig], tmp_path: Path) -> None:
    rig = declared(pools={"a": {"price_per_replica_hour_usd": 3600.0}}, task_types={"job": {"max_attempts": 1}})
    rig.worker("w", "a", 4)
    for outcome in ("done", "done", "done", "failed"):
        rig.submit()
        rig.end(rig.start("a", "w"), outcome)
    audit.record("login", "gateway", actor="unknown", outcome="denied")
    done, _ = publish.make("daily")
    lines = {line.label: line for section in done.sections for line in section.lines}
    assert lines["tasks ended"].value == "4"
    assert lines["error rate"].value == "25.0%"
    assert lines["error rate"].ok is False
    assert lines["refused logins"].value == "1"
    assert float(lines["spent"].value.split()[0]) > 0
    assert lines["tasks ended"].before == "0"


def test_the_command_writes_page_markdown_and_json(declared: Callable[..., Rig], tmp_path: Path) -> None:
    declared()
    html, markdown = tmp_path / "r.html", tmp_path / "r.md"
    arguments = ["report", "monthly", "--html", str(html), "--markdown", str(markdown), "--keep", "--json"]
    ran = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert ran.exit_code == 0
    assert json.loads(ran.stdout)["span"] == "monthly"
    assert html.read_text().startswith("<!doctype html>")
    assert markdown.read_text().startswith("# Fleet main: monthly report")
    assert len(list((tmp_path / "state" / "reports").iterdir())) == 3


def test_the_scheduled_job_keeps_the_report(declared: Callable[..., Rig], tmp_path: Path) -> None:
    declared()
    from workers.maintenance.jobs import report_daily

    assert report_daily()["ran"]
    assert [file.suffix for file in sorted((tmp_path / "state" / "reports").iterdir())] == [".html", ".json", ".md"]


def test_the_nightly_backup_is_rehearsed_and_the_monthly_report_says_so(
    declared: Callable[..., Rig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_SECRETS__PASSPHRASE", "a test's own passphrase")
    rig = declared()
    rig.submit()
    from workers.maintenance.jobs import backup

    assert backup()["drilled"]
    assert rig.held() == 1, "the drill leaves the cell alone"
    done, _ = publish.make("monthly")
    line = next(line for section in done.sections for line in section.lines if line.label == "last drill")
    assert line.ok
