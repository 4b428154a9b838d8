"""Does the scheduled job rotate what is old, leave alone what it must not make, and tell metrics how old the rest is?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from fleet import settings
from fleet.alerts.scrape import page
from fleet.clock import SYSTEM, ManualClock
from fleet.secrets import api_keys, upkeep
from fleet.secrets.backend import SecretBackend
from fleet.secrets.local import LocalBackend, passphrase_key
from fleet.secrets.roles import Role
from fleet.settings import current

DAYS = 86_400.0


@pytest.fixture
def backend(store: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretBackend]:
    """Secrets written 100 days ago."""
    monkeypatch.setenv("FLEET_SECRETS__OVERLAP_SECONDS", "0")
    settings.load.cache_clear()
    old = LocalBackend(
        tmp_path / "s.json", passphrase_key(SecretStr("correct horse")), ManualClock(SYSTEM.now() - 100 * DAYS)
    )
    text = api_keys.generate()
    api_keys.admit(store, current().cell, text, name="flower", tenant="acme", role=Role.VIEWER, days=365)
    names = {"name": SecretStr("flower"), "tenant": SecretStr("acme"), "role": SecretStr("viewer")}
    old.write("fleet/gateway/flower", {"key": text, **names})
    old.write("agents/code_generator/llm", {"api_key": SecretStr("a provider's")})
    old.write("shared/webhook", {"token": SecretStr("somebody else's")})
    yield LocalBackend(tmp_path / "s.json", passphrase_key(SecretStr("correct horse")))
    settings.load.cache_clear()


def test_only_what_the_fleet_makes_itself_is_rotated(backend: SecretBackend) -> None:
    assert {age.path: age.verdict for age in upkeep.ages(backend)} == {
        "fleet/gateway/flower": "warn",
        "agents/code_generator/llm": "warn",
        "shared/webhook": "warn",
    }
    [done] = upkeep.rotate_due(backend)
    assert isinstance(done, upkeep.Progress)
    assert (done.rotation.path, done.rotation.state) == ("fleet/gateway/flower", "done")
    assert upkeep.rotate_due(backend) == ()
    verdicts = {age.path: age.verdict for age in upkeep.ages(backend)}
    assert (verdicts["fleet/gateway/flower"], verdicts["shared/webhook"]) == ("fresh", "warn")


def test_a_rotation_that_cannot_go_on_does_not_stop_the_others(backend: SecretBackend) -> None:
    backend.write("fleet/broker/nobody", {"username": SecretStr("fleet-nobody"), "password": SecretStr("x")})
    with pytest.raises(Exception, match="fleet broker acl"):
        upkeep.rotate_one("fleet/broker/nobody", backend=backend)
    stuck, done = sorted(upkeep.rotate_due(backend), key=lambda item: isinstance(item, upkeep.Progress))
    assert isinstance(stuck, upkeep.Stuck)
    assert "fleet broker acl" in stuck.reason
    assert isinstance(done, upkeep.Progress)


def test_metrics_show_ages_and_rotations_without_the_backend(backend: SecretBackend, store: redis.Redis) -> None:
    upkeep.rotate_due(backend)
    upkeep.publish_ages(upkeep.ages(backend))
    text = page(store, current().cell, SYSTEM.now())[0].decode()
    assert 'fleet_secret_rotations_total{outcome="ok"} 1.0' in text
    [line] = [line for line in text.splitlines() if line.startswith('fleet_secret_age_days{secret="shared/webhook"}')]
    assert float(line.split()[-1]) == pytest.approx(100, abs=0.1)
    backend.delete("shared/webhook")
    upkeep.publish_ages(upkeep.ages(backend))
    assert (
        "shared/webhook"
        not in page(store, current().cell, SYSTEM.now() + timedelta(days=1).total_seconds())[0].decode()
    )
