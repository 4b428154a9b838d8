"""Do numbers, bundles and history tell what real workers did, whatever runs them?"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from e2e.cell import Cell, running
from eventually import eventually
from prometheus_client.parser import text_string_to_metric_families
from pytest_httpserver import HTTPServer

from fleet import catalogue, submit
from fleet.alerts.scrape import page
from fleet.cli.main import cli
from fleet.dispatcher import tasks
from fleet.scaling.refresh import refresh
from fleet.settings import current
from fleet.store.client import connect

FILE = Path(__file__).parent / "agents" / "everything.yaml"
WAIT = 60
ADDED, FAILED = 180, 20
Series = dict[str, dict[tuple[str, ...], float]]


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory, make_httpserver: HTTPServer) -> Iterator[Cell]:
    """A pool with a worker that forks, one that runs threads, and one of another name: three hosts, as the fleet sees it."""
    answer = {"role": "assistant", "content": "```python\ndef add(a, b):\n    return a + b\n```"}
    make_httpserver.expect_request("/seen/chat/completions").respond_with_json(
        {"model": "gpt-5", "choices": [{"message": answer, "finish_reason": "stop"}], "usage": {"prompt_tokens": 40, "completion_tokens": 9}}
    )  # fmt: skip
    settings = {
        "FLEET_FILE": str(FILE), "FLEET_LLM__PROVIDER": "openai", "FLEET_LLM__MODEL": "gpt-5", "FLEET_LLM__API_KEY": "test-key",
        "FLEET_LLM__BASE_URL": make_httpserver.url_for("/seen"), "FLEET_AGENTS__SANDBOX_MINIMUM": "rlimits",
    }  # fmt: skip
    with running(tmp_path_factory.mktemp("seen"), settings) as found:
        for name, process in (("forks", "prefork"), ("threads", "threads"), ("elsewhere", "prefork")):
            found.start("all", name, process=process, ready=False)
        for worker in found.workers:
            eventually(worker.is_ready, timeout=WAIT)
        refresh(connect(), current().cell, catalogue.current(), current().scaling)
        yield found


def scrape() -> Series:
    """Return the page as series: name -> values of its labels, by the labels' names -> number."""
    found: Series = {}
    for family in text_string_to_metric_families(page(connect(), current().cell, time.time())[0].decode()):
        for one in family.samples:
            found.setdefault(one.name, {})[tuple(value for _, value in sorted(one.labels.items()))] = one.value
    return found


def test_the_published_metrics_count_what_happened_once(cell: Cell) -> None:
    before = scrape()
    handles = [submit("add", {"x": number}) for number in range(ADDED)]
    handles += [submit("mishap", {"how": "permanent"}) for _ in range(FAILED)]
    handles.append(submit("code_generation", {"prompt": "add", "checks": ["assert add(2, 3) == 5"]}, complexity=0.2))
    eventually(lambda: all(handle.status in ("done", "failed") for handle in handles), timeout=WAIT)
    records = [tasks.read(handle.id) for handle in handles]
    nodes = Counter(record.worker.partition("@")[0] for record in records if record)
    assert set(nodes) == {"forks", "threads", "elsewhere"}, "each had its part"
    seen = {name: {key: value - before.get(name, {}).get(key, 0) for key, value in rows.items()} for name, rows in scrape().items()}
    requests = seen["ai_agent_requests_total"]
    assert requests["everything", "add", "done"] == ADDED
    assert requests["everything", "mishap", "failed"] == FAILED
    assert sum(requests.values()) == ADDED + FAILED + 1
    assert sum(value for (outcome, _, _), value in seen["fleet_tasks_finished_total"].items() if outcome == "done") == ADDED + 1
    assert seen["ai_task_duration_seconds_count"]["all", "add"] == ADDED
    assert seen["ai_task_duration_seconds_bucket"]["+Inf", "all", "add"] == ADDED
    assert seen["ai_agent_response_time_seconds_count"]["everything", "medium"] == ADDED + FAILED
    assert seen["ai_agent_response_time_seconds_count"]["everything", "low"] == 1
    # Of short tasks every eighth is remembered, drawn before its outcome is known.
    now = scrape()
    assert 0.5 < now["ai_agent_success_rate"]["everything",] <= 1
    assert seen["ai_agent_token_usage_total"]["everything", "gpt-5"] == 49
    assert now["ai_agents_total"]["idle", "everything"] + now["ai_agents_total"].get(("busy", "everything"), 0) == 3
    assert sorted(agent.partition("@")[0] for (agent,) in now["ai_agent_load"]) == ["elsewhere", "forks", "threads"]
    assert now["ai_agent_queue_length"]["all",] == 0
    assert sum(seen["fleet_decisions_total"].values()) == ADDED + FAILED + 1
    assert now["fleet_target_replicas"]["all",] >= 1


def test_a_worker_that_leaves_leaves_the_page(cell: Cell) -> None:
    leaving = cell.start("all", "leaving")
    assert any(agent.startswith("leaving@") for (agent,) in scrape()["ai_agent_load"])
    leaving.tell(15)
    leaving.process.wait(30)
    eventually(lambda: not any(agent.startswith("leaving@") for (agent,) in scrape()["ai_agent_load"]), timeout=WAIT)


def test_a_bundle_shows_where_a_slow_task_is(cell: Cell, tmp_path: Path) -> None:
    assert submit("add", {"x": 1}).get(timeout=WAIT)
    journal = tmp_path / "journal"
    handle = submit("nap", {"seconds": 40, "journal": str(journal)})
    eventually(journal.exists, timeout=WAIT)
    invoke = CliRunner().invoke
    taken = json.loads(invoke(cli, ["actions", "take", "performance_investigation", "--why", "slow", "--json"]).stdout)
    bundle = json.loads(invoke(cli, ["actions", "show", taken["id"]]).stdout)
    seen = [sample for samples in bundle["stacks_here"].values() for sample in samples]
    assert sum("nap (" in sample and "steps.py" in sample for sample in seen) >= 2, bundle["stacks_here"]
    told = bundle["stacks"]["workers"]
    assert {worker.partition("@")[0] for worker in told} >= {"forks", "threads", "elsewhere"}, bundle["stacks"]
    assert bundle["stacks"]["missing"] == {}
    (process,) = [one for worker in told.values() for one in worker["processes"].values() if f"nap {handle.id}" in one["runs"]]
    assert "in nap" in process["samples"][0], "whoever runs it tells where it is, on any host"
    assert "the same" in process["samples"][1:]
    assert bundle["slowest_tasks"]
    assert "all" in bundle["targets"]
    assert bundle["signals"]["fleet_tasks{state=running}"] == 1
    tasks.cancel(handle.id, "seen enough")


def test_history_is_found_again_after_the_broker_restarted(broken: Cell) -> None:
    broken.start("steps", "steps")
    handles = [submit("add", {"x": 1}, tenant="acme"), submit("mishap", {"how": "permanent"}, tenant="other")]
    eventually(lambda: all(handle.status in ("done", "failed") for handle in handles), timeout=WAIT)
    between = time.time()
    broken.kill_broker()
    broken.restart_broker()
    later = submit("add", {"x": 2}, tenant="acme")
    eventually(lambda: later.status == "done", timeout=WAIT)

    def found(**wanted: object) -> list[str]:
        return [row.task_id for row in tasks.search(**wanted)]  # type: ignore[arg-type]

    assert found(tenant="acme") == [later.id, handles[0].id], "newest first"
    assert found(state="failed", task_type="mishap", pool="steps") == [handles[1].id]
    assert found(since=between) == [later.id]
    assert set(found(until=between)) == {handle.id for handle in handles}
    shown = CliRunner().invoke(cli, ["tasks", "search", "--since", "1h", "--tenant", "acme", "--limit", "1", "--json"])
    assert [row["task_id"] for row in json.loads(shown.stdout)] == [later.id]
    assert "no time: write 2h (ago)" in CliRunner().invoke(cli, ["tasks", "search", "--since", "noon"]).output
