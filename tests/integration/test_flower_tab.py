"""Is the Fleet tab part of Flower: behind its password, true to the store, and every button on record?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
from browser import browser
from eventually import eventually
from integration.flower_server import LOGIN, flower, token
from rig import Rig

from fleet.dispatcher import pools
from fleet.registry import roster
from fleet.secrets import audit

POOLS = {"fast": {"slots": 2}, "steady": {"slots": 1}}


def act(client: httpx.Client, verb: str, target: str, **fields: str) -> httpx.Response:
    """Press a button: what the page's form sends, and what the page shows afterwards."""
    page = client.get("/fleet")
    form = {"_xsrf": token(page.text), "verb": verb, "target": target, **fields}
    return client.post("/fleet/act", data=form, follow_redirects=True)


def test_the_tab_shows_the_fleet_and_acts_on_it(declared: Callable[..., Rig], tmp_path: Path) -> None:
    rig = declared(
        pools=POOLS,
        task_types={"job": {"max_attempts": 1}},
        budgets=[{"name": "all", "limits_usd": {"day": 5}}],
    )
    worker = rig.worker("fast.1@here", "fast", slots=2)
    task_id = rig.submit("job").id
    assert rig.end(rig.start("fast", worker), "retry", reason="no such model") == "dead"
    with flower(tmp_path) as client:
        for path in ("/fleet", "/api/fleet"):
            refused = httpx.get(client.base_url.join(path))
            assert refused.status_code == 401
            assert "fast" not in refused.text
        assert httpx.post(client.base_url.join("/fleet/act"), data={"verb": "pause", "target": "fast"}).status_code in (
            401,
            403,
        )

        page = client.get("/fleet")
        assert page.status_code == 200
        assert 'aria-current="page">Fleet</a>' in page.text
        for shown in ("fast", "steady", worker, "all"):
            assert shown in page.text
        assert "/fleet" in client.get("/workers").text, "the tab stands on every page of Flower"

        seen = client.get("/api/fleet").json()
        assert {row["name"]: (row["ready"], row["slots"]) for row in seen["pools"]} == {
            "fast": (1, 2),
            "steady": (0, 0),
        }
        assert [row["budget"] for row in seen["budgets"]] == ["all"]
        assert [row["task_id"] for row in seen["decisions"]] == [task_id]
        assert [row["task_id"] for row in seen["dead"]] == [task_id]

        bare = client.post("/fleet/act", data={"verb": "pause", "target": "fast"})
        assert bare.status_code == 403, "no XSRF token, no act"
        assert _paused() == {"fast": "", "steady": ""}
        assert audit.newest(10) == ()

        answer = act(client, "pause", "fast", why="model upgrade")
        assert "fast is paused" in answer.text
        assert _paused()["fast"] == "model upgrade"
        entry = audit.newest(1)[0]
        assert (entry.action, entry.target, entry.actor) == ("pool.pause", "fast", LOGIN[0])
        assert entry.source.startswith("flower 127.0.0.1")
        assert entry.detail == {"why": "model upgrade"}

        act(client, "resume", "fast")
        assert _paused()["fast"] == ""
        act(client, "drain", worker)
        assert roster.workers()[0].status == "maintenance"
        act(client, "undrain", worker)
        assert roster.workers()[0].status == "idle"
        assert act(client, "replay", task_id).status_code == 200
        assert rig.state(task_id) == "released"
        assert "no open incident" in act(client, "acknowledge", "high_error_rate").text
        assert act(client, "drop_everything", "fast").status_code == 400
        assert [(row.action, row.outcome) for row in reversed(audit.newest(10))] == [
            ("pool.pause", "ok"),
            ("pool.resume", "ok"),
            ("worker.drain", "ok"),
            ("worker.undrain", "ok"),
            ("task.replay", "ok"),
            ("incident.acknowledge", "ok"),
            ("incident.acknowledge", "failed"),
        ]
        assert audit.verify().ok
    rig.check_keys()


def test_read_only_flower_has_no_buttons(declared: Callable[..., Rig], tmp_path: Path) -> None:
    declared(pools=POOLS)
    with flower(tmp_path, FLOWER_READ_ONLY="true") as client:
        page = client.get("/fleet").text
        assert "read only" in page
        assert "<button" not in page.partition('id="fleet-glance"')[2]
        fields = {"_xsrf": client.cookies["_xsrf"], "verb": "pause", "target": "fast"}
        refused = client.post("/fleet/act", data=fields)
        assert (refused.status_code, refused.text) == (403, "Read only mode is enabled")
        assert _paused() == {"fast": "", "steady": ""}


def _paused() -> dict[str, str]:
    return {row.name: row.paused for row in pools.status()}


def test_a_person_reads_and_presses_in_a_real_browser(declared: Callable[..., Rig], tmp_path: Path) -> None:
    rig = declared(pools=POOLS)
    worker = rig.worker("fast.1@here", "fast", slots=2)
    rig.submit("job")
    rig.end(rig.start("fast", worker))
    with flower(tmp_path) as client, browser(tmp_path) as page:
        page.size(1280, 900)
        page.colours("dark")
        page.open(str(client.base_url.join("/fleet")), LOGIN)
        assert page.ask("document.documentElement.dataset.bsTheme") == "dark"
        assert page.ask("document.querySelector('.nav-link.active').textContent") == "Fleet"
        assert page.ask("document.querySelectorAll('#fleet-pools-table tbody tr').length") == len(POOLS)
        elsewhere = "performance.getEntriesByType('resource').filter(r => !r.name.startsWith(location.origin)).length"
        assert page.ask(elsewhere) == 0, "nothing is loaded from elsewhere"
        unnamed = (
            "[...document.querySelectorAll('#fleet-glance button')].filter(b => !b.getAttribute('aria-label')).length"
        )
        assert page.ask(unnamed) == 0
        assert page.ask("[...document.querySelectorAll('#fleet-glance th')].every(cell => cell.scope)")
        assert page.ask("document.documentElement.scrollWidth <= innerWidth"), "tables scroll, the page does not"

        page.ask("document.querySelector('[aria-label=\"Pause fast\"]').click()")
        eventually(lambda: page.ask("document.querySelector('[role=status]')?.textContent.includes('fast is paused')"))
        assert _paused()["fast"] == f"paused by {LOGIN[0]}"
        page.ask("document.querySelector('[aria-label=\"Resume fast\"]').click()")
        eventually(lambda: page.ask("document.querySelector('[role=status]')?.textContent.includes('fast is resumed')"))
        assert not _paused()["fast"]
        page.picture(tmp_path / "fleet.png")
        assert (tmp_path / "fleet.png").stat().st_size > 10_000
