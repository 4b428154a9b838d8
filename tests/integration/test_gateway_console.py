"""Does a person with a key see the fleet in a real browser, and a page without a key nothing at all?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import redis
from browser import Page, browser
from eventually import eventually
from integration.gateway_client import bearing, gateway, key
from rig import Rig

from fleet.alerts import incidents
from fleet.alerts.states import Incident
from fleet.diagnostics.glance import fleet_at_a_glance
from fleet.registry import roster
from fleet.secrets.audit import newest
from fleet.secrets.roles import Role
from fleet.supervisor import valkey

POOLS = {"fast": {"slots": 2}, "steady": {"slots": 1}}
EVIL = "<img src=x onerror=alert(1)>"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Run the gateway as its own program; yields its address."""
    port = valkey.free_port()
    (folder / "agents").mkdir()
    (folder / "agents" / "nothing.py").touch()  # the module the rig's agent types name
    command = [sys.executable, "-m", "fleet.cli.main", "gateway", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "gateway.log").open("w") as log:
        process = subprocess.Popen(command, env=dict(os.environ), stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: _answers(url), timeout=30)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.TransportError:
        return False


def fill(page: Page, field: str, text: str, form: str) -> None:
    page.ask(f"document.getElementById({field!r}).value = {json.dumps(text)}")
    page.ask(f"document.getElementById({form!r}).requestSubmit()")


def text(page: Page, place: str) -> str:
    return str(page.ask(f"document.getElementById({place!r}).innerText"))


def test_a_person_reads_searches_and_has_it_explained(
    declared: Callable[..., Rig], store: redis.Redis, tmp_path: Path
) -> None:
    rig = declared(pools=POOLS, budgets=[{"name": "all", "limits_usd": {"day": 5}}], task_types={"job": {"max_attempts": 1}})
    worker = rig.worker("fast.1@here", "fast", slots=2)
    done, dead = rig.submit("job").id, rig.submit("job").id
    rig.end(rig.start("fast", worker))
    rig.end(rig.start("fast", worker), "retry", reason=EVIL)
    with served(tmp_path) as url, browser(tmp_path) as page:
        page.size(1280, 900)
        page.open(f"{url}/console")
        assert page.ask("document.getElementById('fleet').hidden")
        fill(page, "key", "fleet_not_a_key", "login")
        eventually(lambda: text(page, "said"))
        assert page.ask("document.getElementById('fleet').hidden")
        assert page.ask("sessionStorage.length") == 0

        fill(page, "key", key(store, Role.VIEWER), "login")
        eventually(lambda: done in text(page, "tasks"))
        assert page.ask("getComputedStyle(document.getElementById('login')).display") == "none"
        assert page.ask("localStorage.length") == 0
        assert page.ask("document.cookie") == ""
        seen = fleet_at_a_glance()
        rows = page.ask("[...document.querySelectorAll('#pools tbody tr')].map(r => [...r.children].map(c => c.innerText))")
        assert [(row[0], row[3]) for row in rows] == [(pool.name, f"{pool.busy} of {pool.slots}") for pool in seen.pools]
        assert worker in text(page, "workers")
        assert "all" in text(page, "budgets")
        assert EVIL in text(page, "tasks"), "what others wrote is shown as text"
        assert page.ask("document.querySelectorAll('main img').length") == 0

        fill(page, "state", "dead", "search")
        eventually(lambda: done not in text(page, "tasks"))
        assert dead in text(page, "tasks")
        page.ask(f"document.querySelector('[aria-label=\"Explain {dead}\"]').click()")
        eventually(lambda: "went to fast" in text(page, "why"))
        fill(page, "task_id", "never-was", "find")
        eventually(lambda: "never-was" in text(page, "said"))

        elsewhere = "performance.getEntriesByType('resource').filter(r => !r.name.startsWith(location.origin)).length"
        assert page.ask(elsewhere) == 0, "nothing is loaded from elsewhere"
        assert page.ask("[...document.querySelectorAll('input,select')].every(field => field.labels.length === 1)")
        assert page.ask("[...document.querySelectorAll('th')].every(cell => cell.scope)")
        ground = "getComputedStyle(document.body).backgroundColor"
        page.colours("light")
        light = page.ask(ground)
        page.colours("dark")
        assert page.ask(ground) != light
        page.size(400, 800)
        assert page.ask("document.documentElement.scrollWidth <= innerWidth"), "tables scroll, the page does not"
        page.ask("document.getElementById('forget').click()")
        assert page.ask("sessionStorage.length") == 0
        assert done not in str(page.ask("document.body.innerText"))


def press(page: Page, label: str) -> None:
    page.ask(f"document.querySelector('[aria-label={json.dumps(label)}]').click()")


def test_an_operator_acts_after_a_question_and_a_viewer_is_offered_nothing(
    declared: Callable[..., Rig], store: redis.Redis, tmp_path: Path
) -> None:
    rig = declared(pools=POOLS)
    worker = rig.worker("fast.1@here", "fast", slots=2)
    now = store.time()[0]
    firing = Incident("high_error_rate", "high_error_rate", (), "warning", "firing", now - 600, now, fired_at=now - 300, announced=True)
    assert incidents.save(store, "main", incidents.read(store, "main").version, incidents.Change({firing.key: firing}))
    with served(tmp_path) as url, browser(tmp_path) as page:
        page.size(1280, 1000)
        page.open(f"{url}/console")
        fill(page, "key", key(store, Role.VIEWER), "login")
        eventually(lambda: worker in text(page, "workers"))
        assert page.ask("document.querySelectorAll('button.small').length") == 0
        page.ask("document.getElementById('forget').click()")

        fill(page, "key", key(store, Role.OPERATOR), "login")
        eventually(lambda: "Drain" in text(page, "workers"))
        press(page, f"Drain {worker}")
        assert page.ask("document.getElementById('ask').open")
        assert worker in text(page, "ask-what")
        page.ask("document.getElementById('ask-no').click()")
        assert [row.status for row in roster.workers()] == ["idle"], "nothing is done before it is confirmed"
        press(page, f"Drain {worker}")
        page.ask("document.getElementById('ask-why').value = 'new kernel'")
        page.ask("document.getElementById('ask-yes').click()")
        eventually(lambda: "maintenance" in text(page, "said"))
        assert [row.status for row in roster.workers()] == ["maintenance"]
        eventually(lambda: "Undrain" in text(page, "workers"))
        press(page, "Pause fast")
        page.ask("document.getElementById('ask-yes').click()")
        eventually(lambda: "paused" in text(page, "pools"))
        press(page, "Take high_error_rate")
        page.ask("document.getElementById('ask-yes').click()")
        eventually(lambda: "acknowledged by operator" in text(page, "incidents"))
        assert "Take" not in text(page, "incidents")
        recorded = [one for one in newest(20) if one.source.startswith("gateway") and not one.action.startswith("login")]
        entries = [(one.action, one.target, one.detail.get("why")) for one in recorded]
        assert entries == [
            ("incident.acknowledge", "high_error_rate", None), ("pool.pause", "fast", "paused in the console"), ("worker.drain", worker, "new kernel"),
        ]  # fmt: skip


def test_the_page_holds_nothing_and_may_run_only_its_own_script(store: redis.Redis) -> None:
    with gateway() as client:
        answer = client.get("/console")
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "http" not in answer.text.replace("http://www.w3.org/2000/svg", ""), "nothing is fetched from elsewhere"


def test_a_glance_shows_a_tenants_own_tasks_only(declared: Callable[..., Rig], store: redis.Redis) -> None:
    rig = declared(pools=POOLS, task_types={"job": {"max_attempts": 1}})
    worker = rig.worker("fast.1@here", "fast", slots=2)
    mine, theirs = rig.submit("job", tenant="acme").id, rig.submit("job", tenant="rival").id
    for _ in range(2):
        rig.end(rig.start("fast", worker), "retry", reason="broken")
    with gateway() as client:
        for tenant, expected in (("acme", {mine}), ("rival", {theirs}), ("*", {mine, theirs})):
            seen = client.get("/api/v1/glance", headers=bearing(key(store, Role.VIEWER, tenant))).json()
            assert {row["task_id"] for row in seen["decisions"]} == expected
            assert {row["task_id"] for row in seen["dead"]} == expected
