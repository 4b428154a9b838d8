"""Does a planted secret ever turn up where it must not: in Redis, a log, an answer, the metrics, the audit log, an error?"""

from __future__ import annotations

import io
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from integration.gateway_client import bearing, gateway, key
from pydantic import SecretStr

from fleet import settings
from fleet.dispatcher import declare
from fleet.errors import FleetError
from fleet.secrets import audit, broker_acl, configured, rotate, upkeep
from fleet.secrets.backend import SecretBackend
from fleet.secrets.errors import SecretMissing
from fleet.secrets.local import LocalBackend, passphrase_key
from fleet.secrets.roles import Role
from fleet.settings import current
from fleet.telemetry import logs

PLANTED = "canary-7b1d-planted-value-e2"
PATH = "agents/code_generator/webhook"


@pytest.fixture
def log() -> io.StringIO:
    out = io.StringIO()
    logs.configure("DEBUG", "json", out)
    return out


@pytest.fixture
def backend(store: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretBackend]:
    monkeypatch.setenv("FLEET_SECRETS__BACKEND", "local")
    monkeypatch.setenv("FLEET_SECRETS__PASSPHRASE", "canary-passphrase-of-the-file")
    monkeypatch.setenv("FLEET_SECRETS__OVERLAP_SECONDS", "0")
    monkeypatch.setenv("FLEET_BROKER__SIGN_MESSAGES", "true")
    monkeypatch.setenv("FLEET_STATE_DIR", str(tmp_path))
    settings.load.cache_clear()
    store.config_set("rdbcompression", "no")
    yield configured.backend()
    for user in broker_acl.users(current().cell, ()):
        store.acl_deluser(user.name)


def everything_in(store: redis.Redis) -> bytes:
    raw = redis.Redis(connection_pool=redis.ConnectionPool(**_where(store)))
    dumped = b"".join(raw.dump(found) or b"" for found in raw.scan_iter("*"))
    raw.close()
    raw.connection_pool.disconnect()
    return dumped


def _where(store: redis.Redis) -> dict[str, object]:
    known = store.connection_pool.connection_kwargs
    return {name: known[name] for name in ("host", "port", "password", "username", "path") if known.get(name)}


def test_nothing_that_is_secret_is_found_outside_the_backend(
    backend: SecretBackend, store: redis.Redis, log: io.StringIO, tmp_path: Path
) -> None:
    declare.publish()
    upkeep.audited_write(backend, PATH, {"token": SecretStr(PLANTED)})
    broker_acl.apply(store, backend, broker_acl.users(current().cell, ()))
    for path in ("fleet/signing", "fleet/broker/worker", "fleet/gateway/flower"):
        upkeep.rotate_one(path)
    upkeep.rotate_one(PATH, kind="random")
    upkeep.audited_write(backend, PATH, {"token": SecretStr(PLANTED)})
    value = configured.value(PATH, "token").get_secret_value()
    logs.get("test").warning("call_failed", url=f"https://x:{value}@host/", token=value, note=f"used {value}")

    answers = b""
    with gateway() as client:
        text = key(store, Role.ADMIN)
        client.headers.update(bearing(text))
        for path in ("whoami", "audit", "tasks", "pools", "costs", "incidents"):
            answers += client.get(f"/api/v1/{path}").content
        answers += client.get("/metrics").content
        task = {"task_type": "code_generation", "payload": {"prompt": "A function"}}
        answers += client.post("/api/v1/tasks", json=task).content

    secrets = {
        name: field.get_secret_value()
        for path in backend.paths()
        if not path.startswith(("shared/", rotate.FOLDER))
        for name, field in backend.read(path).fields.items()
        if name in ("token", "password", "key")
    }
    found = {**{f"{n}": v for n, v in secrets.items()}, "api key": text.split("_")[2], "planted": PLANTED}
    assert {"token", "password", "key"} <= set(secrets)
    places = {
        "redis": everything_in(store),
        "log": log.getvalue().encode(),
        "answers": answers,
        "audit": str(audit.newest(1000)).encode(),
        "secret file": (tmp_path / "secrets.json").read_bytes(),
    }
    assert b"call_failed" in places["log"]
    assert b"secret.read" in places["audit"]
    for place, content in places.items():
        for name, secret in found.items():
            assert secret.encode() not in content, f"{name} found in {place}"


@pytest.mark.parametrize("wrong", ["field", "path", "passphrase", "version"])
def test_errors_and_their_tracebacks_show_no_value(
    backend: SecretBackend, store: redis.Redis, tmp_path: Path, wrong: str
) -> None:
    assert store.ping()
    backend.write(PATH, {"token": SecretStr(PLANTED)})
    other = LocalBackend(tmp_path / "secrets.json", passphrase_key(SecretStr("canary-wrong-passphrase")))
    attempts = {
        "field": lambda: backend.read(PATH).field("tokem"),
        "path": lambda: configured.value(PATH + "x", "token"),
        "version": lambda: backend.read(PATH, 9),
        "passphrase": lambda: other.read(PATH),
    }
    with pytest.raises(FleetError) as caught:
        attempts[wrong]()
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "canary" not in shown
    assert wrong == "passphrase" or isinstance(caught.value, SecretMissing)
