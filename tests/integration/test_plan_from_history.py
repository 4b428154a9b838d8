"""Does `fleet plan` rest on what the store and the ledger recorded, and say so when that is too little?"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import redis
from click.testing import CliRunner
from conftest import forget_facts

from fleet.cli.main import cli
from fleet.costs.durable import DurableLedger, ledger_url
from fleet.costs.entries import Entry
from fleet.reports import plan_kept, publish
from fleet.reports.page import as_markdown
from fleet.settings import current
from fleet.store import keys

DAY = 86_400
CATALOGUE = """
settings: {scaling: {interval_seconds: 60, violation_share: 0.05}}
pools:
  code_generator: {agent_type: code_generator, slots: 1, min_replicas: 1, max_replicas: 1, price_per_replica_hour_usd: 1.0}
"""


@pytest.fixture
def folder(store: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "fleet.yaml").write_text(CATALOGUE)
    monkeypatch.chdir(tmp_path)
    forget_facts()
    return tmp_path


def recorded(store: redis.Redis, days: int) -> float:
    """Record 60 tasks of a minute within each day's second hour; returns the store's time."""
    now, count = float(store.time()[0]), 0
    for back in range(days, 0, -1):
        begin = (now // DAY - back) * DAY + 3600
        for at in np.sort(np.random.default_rng(back).uniform(0, 3600, 60)):
            count += 1
            row = {
                "id": f"t{count}", "type": "code_generation", "tenant": "x", "pool": "code_generator", "state": "done", "attempt": 1,
                "submitted": begin + at, "started": begin + at + 1, "ended": begin + at + 61, "reason": "",
            }  # fmt: skip
            store.xadd(f"{keys.prefix('main')}history", {k: str(v) for k, v in row.items()}, id=f"{int((begin + at) * 1000)}-{count}")
    return now


def plan(*arguments: str) -> dict[str, object]:
    done = CliRunner().invoke(cli, ["plan", "--pool", "code_generator", "--startup", "5", "6", "--json", *arguments])
    assert done.exit_code == 0, done.output
    document: dict[str, object] = json.loads(done.stdout)
    return document


def test_a_fleet_that_is_too_small_is_told_to_grow_with_evidence(store: redis.Redis, folder: Path) -> None:
    now = recorded(store, 7)
    durable = DurableLedger(ledger_url(current()))
    durable.append([
        Entry(call_id=f"c{back}", at=int((now - back * DAY) * 1000), kind="call", task_id="t", attempt=1, tenant="x", agent_type="a",
              task_type="t", provider="p", model="m", input_tokens=1, output_tokens=1, cached_input_tokens=0, reasoning_tokens=0, micros=2_000_000,
              estimated=False, origin="list", ok=True)
        for back in range(1, 8)
    ])  # fmt: skip
    durable.close()
    done = plan("--plot", str(folder / "plan.png"))
    (pool,) = done["pools"]  # type: ignore[misc]
    assert pool["tasks"]["days_known"] == 6
    assert pool["tasks"]["total"]["value"] == pytest.approx(60 * done["month_days"], rel=0.01)  # type: ignore[operator]
    before, *others = pool["trials"]
    assert before["changes"] == {}
    assert before["late_share"] > 0.05
    (proposal,) = pool["proposals"]
    assert proposal["kind"] == "keeps the promise"
    assert int(proposal["changes"]["pools.code_generator.max_replicas"]) > 1
    assert proposal["after"] in others
    assert proposal["after"]["late_share"] <= 0.05
    assert done["money"]["paid_calls"]["total"]["value"] == pytest.approx(2e6 * done["month_days"])  # type: ignore[index, operator]
    assert (folder / "plan.png").stat().st_size > 10_000


def test_too_little_history_is_said_and_nothing_is_proposed(store: redis.Redis, folder: Path) -> None:
    recorded(store, 1)
    (pool,) = plan()["pools"]  # type: ignore[misc]
    assert pool["tasks"] is None
    assert pool["proposals"] == []
    assert "needs one whole day" in pool["unknown"]


def test_a_pool_nobody_declared_is_refused(folder: Path) -> None:
    done = CliRunner().invoke(cli, ["plan", "--pool", "code_generatr"])
    assert "did you mean 'code_generator'" in str(done.exception)


def test_the_scheduled_plan_is_kept_and_the_weekly_report_leads_to_it(store: redis.Redis, folder: Path) -> None:
    recorded(store, 7)
    from workers.maintenance.jobs import plan as job

    assert publish.make("weekly")[0].sections[-1].lines[0].value.startswith("no plan was made yet")
    done = job()
    assert (done["ran"], done["proposals"]) == (True, 1)
    page = current().state_dir / "reports" / done["plan"]
    assert "max_replicas" in page.read_text()
    assert json.loads(page.with_suffix(".json").read_text())["month"] == done["month"]
    report, html = publish.make("weekly")
    (section,) = (one for one in report.sections if one.title == "Plan")
    assert [line.label for line in section.lines] == [f"month {done['month']}", "proposal"]
    assert f'<a href="{done["plan"]}">' in html
    assert f"]({done['plan']})" in as_markdown(report)
    assert plan_kept.newest(current(), now=store.time()[0] + 80 * DAY) is None, "a plan for a month that is over is none"
