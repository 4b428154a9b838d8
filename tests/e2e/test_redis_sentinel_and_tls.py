"""Does the fleet run on a Redis that speaks TLS, and follow a failover by itself?"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from e2e.cell import running
from e2e.redis_servers import with_sentinel, with_tls
from eventually import eventually

from fleet import submit
from fleet.app import app
from fleet.dispatcher.mending import mend
from fleet.errors import ConfigurationError, StoreUnavailable
from fleet.store import sentinel
from fleet.store.client import available, connect, forget

WAIT = 60


def at(url: str) -> dict[str, str]:
    return {"FLEET_BROKER__URL": url, "FLEET_BROKER__STORE_URL": url}


def test_everything_runs_over_tls_and_a_stranger_s_certificate_is_refused(tmp_path: Path) -> None:
    with with_tls(tmp_path) as broker, running(tmp_path, at(broker.url)) as cell:
        cell.start("steps", "steps")
        assert submit("add", {"x": 2, "y": 3}).get(WAIT)["sum"] == 5
        assert app.send_task("add", kwargs={"x": 4}).get(timeout=WAIT)["sum"] == 4
        for url, says in (
            (broker.url.partition("?")[0], "ssl_ca_certs"),
            (broker.url.replace("of-this-test", "a-wrong-one"), "does not let us in"),
        ):
            with pytest.raises(StoreUnavailable, match=says) as refused, available():
                connect(url).ping()
            assert "a-wrong-one" not in str(refused.value)
        assert mend() == {"mended": 0}


def test_a_failover_is_followed_by_producers_and_workers(tmp_path: Path) -> None:
    with with_sentinel(tmp_path) as trio, running(tmp_path, at(trio.url)) as cell:
        worker = cell.start("victims", "worker")
        assert submit("nap_apart", {"seconds": 0.0}).get(WAIT)
        before = [submit("nap_apart", {"seconds": 0.1}) for _ in range(10)]
        before[0].get(WAIT)
        old = trio.kill_primary()

        def accepted() -> bool:
            try:
                return submit("nap_apart", {"seconds": 0.0}).is_accepted
            except StoreUnavailable:
                return False

        eventually(accepted, timeout=WAIT)
        assert trio.primary() != old
        eventually(trio.is_settled, timeout=WAIT)
        after = [submit("nap_apart", {"seconds": 0.0}) for _ in range(10)]
        assert all(task.get(WAIT) for task in after)
        # Replication is asynchronous: what the replica never heard of is gone; what it knows is done.
        eventually(lambda: all(task.status in ("done", "unknown") for task in before), timeout=WAIT)
        eventually(lambda: mend() == {"mended": 0}, timeout=WAIT)
        worker.tell(signal.SIGTERM)
        assert worker.process.wait(WAIT) == 0
        forget()


@pytest.mark.parametrize("url", ["sentinel://127.0.0.1:26379", "sentinel://a:1;sentinel://b:2?other=1"])
def test_a_url_that_names_no_primary_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="master_name"):
        sentinel.parse(url)


def test_the_parts_of_a_url() -> None:
    told = sentinel.parse("sentinel://me:se%40cret@a:1/2;sentinel://b?master_name=m&sentinel_password=s")
    assert (told.nodes, told.master_name, told.username, told.password) == ((("a", 1), ("b", 26379)), "m", "me", "se@cret")
    assert (told.database, told.sentinel_password, told.bare) == (2, "s", "sentinel://me:se%40cret@a:1/2;sentinel://b")
