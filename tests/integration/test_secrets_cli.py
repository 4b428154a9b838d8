"""Do the commands around secrets, keys and the audit log do what they say, on record, without showing values?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import CliRunner, Result

from fleet import settings
from fleet.cli import audit, broker, keys, secrets
from fleet.secrets.audit import newest
from fleet.telemetry import logs

GROUPS = {"secrets": secrets.group, "audit": audit.group, "keys": keys.group, "broker": broker.group}
CANARY = "canary-5d1e-8842-value"
Fleet = Callable[..., Result]


@pytest.fixture
def fleet(store: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """Runs a command line against a local backend and a store of this test's own."""
    monkeypatch.setenv("FLEET_CELL", "cli-test")
    monkeypatch.setenv("FLEET_SECRETS__BACKEND", "local")
    monkeypatch.setenv("FLEET_SECRETS__PASSPHRASE", "correct horse battery")
    monkeypatch.setenv("FLEET_SECRETS__OVERLAP_SECONDS", "0")
    monkeypatch.setenv("FLEET_STATE_DIR", str(tmp_path))
    settings.load.cache_clear()
    logs.configure("ERROR")

    def run(*arguments: str, given: str | None = None, code: int = 0) -> Result:
        result = CliRunner().invoke(GROUPS[arguments[0]], arguments[1:], input=given, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result

    assert store.ping()
    yield run
    settings.load.cache_clear()


def parsed(result: Result) -> Any:
    return json.loads(result.output)


@pytest.mark.parametrize(("how", "given"), [(("v", "--value-stdin"), "\n"), (("--json-stdin",), '{"v": "", "w": "x"}')])
def test_an_empty_value_is_a_mistake_and_not_stored(fleet: Fleet, how: tuple[str, ...], given: str) -> None:
    assert "the value of v is empty" in fleet("secrets", "put", "shared/x", *how, given=given, code=2).output
    assert parsed(fleet("secrets", "list", "--json")) == {"paths": []}


def test_a_secret_is_put_seen_and_listed(fleet: Fleet, tmp_path: Path) -> None:
    path = "agents/code_generator/llm"
    put = fleet("secrets", "put", path, "api_key", "--value-stdin", "--json", given=CANARY + "\n")
    assert parsed(put) == {"path": path, "version": 1}
    fleet("secrets", "put", path, "--json-stdin", given='{"org": "acme"}')
    assert CANARY not in fleet("secrets", "get", path).output
    assert parsed(fleet("secrets", "get", path, "--reveal", "--json"))["fields"] == {"api_key": CANARY, "org": "acme"}
    assert parsed(fleet("secrets", "list", "agents", "--json")) == {"paths": [path]}
    assert CANARY.encode() not in (tmp_path / "secrets.json").read_bytes()
    actions = [(entry.action, entry.target, entry.detail.get("revealed")) for entry in newest(9)]
    assert actions == [
        ("secret.read", path, "True"),
        ("secret.read", path, "False"),
        ("secret.write", path, None),
        ("secret.write", path, None),
    ]
    shown = parsed(fleet("secrets", "audit", "--json"))["entries"]
    assert [entry["action"] for entry in shown] == [action for action, _, _ in actions]
    assert CANARY not in str(shown)


def test_ages_are_judged(fleet: Fleet) -> None:
    fleet("secrets", "put", "shared/git", "token", "--value-stdin", given="x")
    judged = parsed(fleet("secrets", "age", "--check", "--json"))
    assert judged["verdict"] == "fresh"
    assert [item["path"] for item in judged["secrets"]] == ["shared/git"]


def test_signing_keys_rotate_from_nothing_and_again(fleet: Fleet) -> None:
    for version in (1, 2):
        done = parsed(fleet("secrets", "rotate", "fleet/signing", "--json"))["rotations"][0]
        assert done["rotation"]["state"] == "done"
        assert parsed(fleet("secrets", "get", "fleet/signing", "--json"))["version"] == version
    assert len(parsed(fleet("secrets", "get", "shared/verify_keys", "--json"))["fields"]) == 1


def test_random_text_is_rotated_only_by_name(fleet: Fleet) -> None:
    fleet("secrets", "put", "shared/webhook", "token", "--value-stdin", given=CANARY)
    with pytest.raises(Exception, match="--kind"):
        fleet("secrets", "rotate", "shared/webhook")
    fleet("secrets", "rotate", "shared/webhook", "--kind", "random")
    value = parsed(fleet("secrets", "get", "shared/webhook", "--reveal", "--json"))["fields"]["token"]
    assert value != CANARY
    assert len(value) >= 32


def test_keys_are_made_listed_and_revoked(fleet: Fleet) -> None:
    made = parsed(fleet("keys", "create", "ci", "--role", "viewer", "--tenant", "acme", "--json"))
    assert made["key"].startswith("fleet_")
    listed = fleet("keys", "list", "--json").output
    assert [key["id"] for key in json.loads(listed)["keys"]] == [made["id"]]
    assert made["key"].split("_")[2] not in listed
    fleet("keys", "revoke", made["id"], given="y\n")
    assert parsed(fleet("keys", "list", "--json")) == {"keys": []}
    assert [entry.action for entry in newest(2)] == ["api_key.revoke", "api_key.create"]


def test_the_audit_log_is_proved_and_archived(fleet: Fleet, store: redis.Redis, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        fleet("keys", "create", name)
    assert parsed(fleet("audit", "verify", "--json"))["ok"] is True
    file = tmp_path / "audit.jsonl"
    assert parsed(fleet("audit", "export", str(file), "--json"))["checked"] == 4
    assert parsed(fleet("audit", "verify", "--file", str(file), "--json"))["ok"] is True
    file.write_text(file.read_text().replace("three", "thr33"))
    assert parsed(fleet("audit", "verify", "--file", str(file), "--json", code=1))["broken_at"] == 3
    store.xdel("fleet:{cli-test}:audit", "2-0")
    assert parsed(fleet("audit", "verify", "--json", code=1))["broken_at"] == 2


def test_broker_users_are_shown_and_applied(fleet: Fleet, store: redis.Redis) -> None:
    assert "user fleet-worker on" in fleet("broker", "acl").output
    changed = parsed(fleet("broker", "acl", "--apply", "--json"))["changed"]
    assert changed["fleet-worker"] == ["password", "user"]
    try:
        rotated = parsed(fleet("secrets", "rotate", "fleet/broker/worker", "--json"))["rotations"][0]
        assert rotated["rotation"]["state"] == "done"
    finally:
        for user in changed:
            store.acl_deluser(user)


def test_a_drill_rotates_under_load_and_leaves_nothing_behind(fleet: Fleet, store: redis.Redis) -> None:
    report = parsed(fleet("secrets", "drill", "--seconds", "5", "--json"))
    assert report["refusals"] == 0, report["reasons"]
    assert all(count >= 1 for count in report["rotations"].values()), report
    assert all(count >= 10 for count in report["uses"].values()), report
    assert parsed(fleet("secrets", "list", "--json")) == {"paths": []}
    assert parsed(fleet("keys", "list", "--json")) == {"keys": []}
    assert "fleet-drill" not in store.acl_users()


def test_no_value_is_taken_from_the_command_line() -> None:
    for name in ("put", "rotate"):
        options = {option for parameter in secrets.group.commands[name].params for option in parameter.opts}
        assert "--value" not in options


def test_the_commands_load_without_heavy_libraries() -> None:
    probe = (
        "import sys, fleet.cli.secrets, fleet.cli.audit, fleet.cli.keys, fleet.cli.broker;"
        "sys.exit(any(name in sys.modules for name in ('hvac', 'redis', 'httpx', 'pydantic', 'cryptography')))"
    )
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
