"""Which real broker does a test talk to, and how clean is it?

One Valkey a test run, started on first use; every test that asks for `store` gets it empty, with the process pointed at
it and nothing remembered from the test before.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, settings
from opentelemetry.context import Context, attach

from fleet.store.client import connect, forget
from fleet.supervisor import valkey
from fleet.telemetry import tracing

# Timings are never asserted: a busy machine is no bug.
settings.register_profile("fleet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fleet")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of this run's own Valkey."""
    broker = valkey.start(tmp_path_factory.mktemp("valkey"))
    forget()
    yield broker.url
    forget()
    broker.process.kill()
    broker.process.wait(timeout=10)


@pytest.fixture(autouse=True)
def no_span_left_open() -> Iterator[None]:
    """A span that stays current is the parent of all that follows: the test that left it fails, not one of the others."""
    yield
    if left := tracing.current_ids():
        attach(Context())
        pytest.fail(f"a span is current after the test: {left}")


@pytest.fixture
def store(redis_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    """A client of the empty store; settings, environment and a Celery application that is already there point at it."""
    monkeypatch.setenv("FLEET_BROKER__URL", redis_server)
    monkeypatch.setenv("FLEET_STATE_DIR", str(tmp_path / "state"))
    forget_facts()
    client = connect()
    client.flushall()
    yield client
    forget()
    monkeypatch.undo()
    forget_facts()


def forget_facts() -> None:
    """Forget what the process remembers of settings and catalogue, and point an imported Celery application anew."""
    for name, module in list(sys.modules.items()):
        if name.startswith("fleet.") and name != "fleet.store.scripts":
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear") and getattr(value, "__module__", "").startswith("fleet."):
                    value.cache_clear()
    if (loaded := sys.modules.get("fleet.app")) is not None:
        loaded.app.conf.update(loaded.configuration())
        loaded.app._local.__dict__.clear()
        loaded.app._backend_cache = None
        loaded.app._pool = None
        loaded.app.__dict__.pop("amqp", None)
