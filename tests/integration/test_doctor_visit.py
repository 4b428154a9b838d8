"""Does the doctor look at a real store, mend what is safe, and see that it is mended?"""

from __future__ import annotations

import pytest
import redis
from conftest import forget_facts

from fleet.diagnostics import doctor


def test_eviction_is_found_and_mended(store: redis.Redis) -> None:
    store.config_set("maxmemory-policy", "allkeys-lru")
    before = doctor.diagnose()
    assert any(f.check == "configuration.eviction" and f.severity == "critical" for f in before.findings)
    after, done = doctor.mend(before)
    assert not any(f.check == "configuration.eviction" for f in after.findings)
    assert any("noeviction" in line for line in done)
    assert store.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"


@pytest.mark.usefixtures("store")
def test_a_store_that_is_gone_is_the_finding_and_nothing_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_BROKER__URL", "redis://:x@127.0.0.1:1/0")
    forget_facts()
    seen = doctor.diagnose()
    assert seen.verdict == "critical"
    assert {"broker", "workers", "pools"} <= set(seen.unseen)
    assert "x@" not in str(seen.as_dict())
