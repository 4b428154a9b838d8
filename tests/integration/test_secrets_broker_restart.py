"""Does a rotated broker password survive the broker's restart, and what if the broker keeps no file of its users?"""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner
from conftest import forget_facts
from eventually import eventually

from fleet.cli import broker as commands
from fleet.secrets import configured, rotate, upkeep
from fleet.secrets.rotation import State
from fleet.store.client import accepts_login, connect, forget
from fleet.supervisor import valkey

PATH = "fleet/broker/worker"
ADMIN = "the administrator's own"


@dataclass(slots=True)
class Broker:
    """A broker that is killed and started again on its files."""

    directory: Path
    port: int
    has_acl_file: bool
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{ADMIN.replace(' ', '%20')}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        users, lines = self.directory / "users.acl", ["bind 127.0.0.1", f"port {self.port}", f"dir {self.directory}", "appendonly yes"]
        if self.has_acl_file:
            if not users.exists():
                users.write_text(f"user default on #{hashlib.sha256(ADMIN.encode()).hexdigest()} ~* &* +@all\n")
            lines.append(f"aclfile {users}")
        else:
            lines.append(f'requirepass "{ADMIN}"')
        (self.directory / "valkey.conf").write_text("\n".join(lines) + "\n")
        command = [valkey.binary(), str(self.directory / "valkey.conf")]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=valkey.die_with_parent)
        forget()
        eventually(lambda: redis.Redis.from_url(self.url).ping())

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)

    def restart(self) -> None:
        self.kill()
        self.start()


def passwords() -> dict[int, str]:
    """Return the worker's password in each version that can still be read."""
    backend = configured.backend()
    readable = [version.number for version in backend.versions(PATH) if version.readable]
    return {number: backend.read(PATH, number).field("password").get_secret_value() for number in readable}


def accepted(password: str) -> bool:
    return accepts_login(connect(), "fleet-worker", password)


def applied() -> dict[str, object]:
    result = CliRunner().invoke(commands.group, ["acl", "--apply", "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.output))


@pytest.fixture(params=[True, False], ids=["ACL file", "no ACL file"])
def broker(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    running = Broker(tmp_path, valkey.free_port(), request.param)
    for name, value in {
        "FLEET_BROKER__URL": running.url, "FLEET_STATE_DIR": str(tmp_path / "state"), "FLEET_SECRETS__BACKEND": "local",
        "FLEET_SECRETS__PASSPHRASE": "correct horse battery", "FLEET_SECRETS__OVERLAP_SECONDS": "3600",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    forget_facts()
    running.start()
    yield running
    forget()
    running.kill()
    monkeypatch.undo()
    forget_facts()


def test_a_rotated_password_survives_a_restart(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    assert applied()["kept"] is broker.has_acl_file
    [first] = passwords().values()
    broker.restart()
    assert accepted(first) is broker.has_acl_file

    if not broker.has_acl_file:
        assert applied()["changed"], "applying again brings the users back"
        assert list(passwords().values()) == [first], "with the passwords that programs use"
        assert accepted(first)
        return

    assert upkeep.rotate_one(PATH).rotation.state is State.VERIFIED
    successor = rotate._load(configured.backend(), PATH)
    assert successor is not None
    second = successor.staged["password"].get_secret_value()
    broker.restart()
    assert accepted(first), "in the overlap both are good"
    assert accepted(second)

    monkeypatch.setenv("FLEET_SECRETS__OVERLAP_SECONDS", "0")
    forget_facts()
    assert upkeep.rotate_one(PATH).rotation.state is State.DONE
    broker.restart()
    assert not accepted(first), "what was revoked stays so"
    assert accepted(second)
    assert list(passwords().values()) == [second]
