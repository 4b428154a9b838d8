"""Is a database login that OpenBao makes at a real PostgreSQL renewed, succeeded and given back, whatever crashes meanwhile?"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import redis
import sqlalchemy as sql
from click.testing import CliRunner
from conftest import forget_facts
from eventually import eventually
from integration.openbao import OpenBao
from integration.postgresql import fresh_database, socket_directory
from pydantic import SecretStr

from fleet.cli import secrets as commands
from fleet.clock import ManualClock
from fleet.costs.durable import DurableLedger
from fleet.costs.durable_database import LedgerUnavailable
from fleet.costs.entries import Entry
from fleet.errors import ConfigurationError
from fleet.secrets import database_login, policy, rotate, upkeep
from fleet.secrets.database_login import DatabaseLogin
from fleet.secrets.errors import BackendUnavailable
from fleet.secrets.local import LocalBackend, passphrase_key
from fleet.secrets.rotate import Fields, Progress
from fleet.secrets.rotation import State, Step
from fleet.secrets.vault import VaultBackend

PATH = "fleet/database/ledger"
TTL, OVERLAP = 600, 60.0


class Crash(Exception):
    """The process died here."""


@dataclass(frozen=True, slots=True)
class Database:
    """A database whose logins OpenBao makes, and who can see them."""

    url: str
    backend: VaultBackend
    bao: OpenBao
    mount: str

    def logins(self) -> set[str]:
        """Return the users made for the ledger that there are now."""
        engine = sql.create_engine(self.url, poolclass=sql.pool.NullPool)
        with engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%%'").scalars()
            return {name for name in found if f"-{self.role}" in name}

    @property
    def role(self) -> str:
        return f"r{self.mount[-7:]}"  # the engine writes eight characters of it into a name

    def stored(self) -> dict[str, str]:
        return {name: value.get_secret_value() for name, value in self.backend.read(PATH).fields.items()}

    def accepts(self, fields: Mapping[str, str]) -> bool:
        return DatabaseLogin(self.backend).verify({name: SecretStr(value) for name, value in fields.items()}) is None


@pytest.fixture
def database(openbao: OpenBao) -> Database:
    """A fresh database, a group that owns what is in it, and OpenBao that makes members of the group."""
    url, mount = fresh_database(), f"database-{openbao.mount}"
    name = sql.make_url(url).database
    root = openbao.root()
    policy.apply(root, [], mount=openbao.mount, transit=openbao.transit)
    made = Database(url, VaultBackend(root, mount=openbao.mount, database_mount=mount), openbao, mount)
    owner = sql.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sql.pool.NullPool)
    with owner.connect() as connection:
        connection.exec_driver_sql(f"CREATE ROLE owner_{made.role}")
        connection.exec_driver_sql(f"GRANT ALL ON SCHEMA public TO owner_{made.role}")

    def configure(vault: Any) -> None:
        vault.sys.enable_secrets_engine("database", path=mount)
        address = f"host={socket_directory()} user={{{{username}}}} password={{{{password}}}} dbname={name}"
        about = {"plugin_name": "postgresql-database-plugin", "allowed_roles": ["*"], "connection_url": address, "username": "fleet", "password": "x"}
        vault.write_data(f"{mount}/config/ledger", data=about)
        create = (
            "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' "
            f'IN ROLE owner_{made.role}; ALTER ROLE "{{{{name}}}}" SET role = owner_{made.role};'
        )
        role = {"db_name": "ledger", "creation_statements": [create], "default_ttl": TTL, "max_ttl": 3 * TTL}
        vault.write_data(f"{mount}/roles/{made.role}", data=role)

    root.call(configure)
    made.backend.write(PATH, {"role": SecretStr(made.role), "url": SecretStr(sql.make_url(url).set(username=None).render_as_string(False))})
    return made


@dataclass(slots=True)
class Run:
    """A rotation with a clock, and a step after which the process dies."""

    database: Database
    clock: ManualClock
    dies_after: str = ""
    login: DatabaseLogin | None = None

    def go(self) -> Progress:
        backend = self.database.backend
        rotate.start(backend, PATH, "dynamic", clock=self.clock)
        login = self.login or DatabaseLogin(backend)
        return rotate.advance(backend, login, PATH, self.record, overlap_seconds=OVERLAP, clock=self.clock)

    def record(self, action: str, _target: str, _outcome: str, _detail: Mapping[str, object]) -> None:
        if action == self.dies_after:
            self.dies_after = ""
            raise Crash

    def to_the_end(self) -> Progress:
        progress = self.go()
        while progress.waits_until is not None:
            self.clock.advance(OVERLAP)
            progress = self.go()
        return progress


def test_a_login_is_made_tried_overlaps_with_its_successor_and_is_given_back(database: Database) -> None:
    run = Run(database, ManualClock())
    assert run.to_the_end().rotation.state is State.DONE
    first = database.stored()
    assert database.accepts(first)
    assert database.logins() == {first["username"]}

    run.go()
    run.clock.advance(OVERLAP)
    run.go()
    second = database.stored()
    assert second["username"] != first["username"]
    assert database.accepts(first), "who still holds the old one is not shut out before the overlap is over"
    run.clock.advance(OVERLAP)
    assert run.go().rotation.state is State.DONE
    assert not database.accepts(first)
    assert database.accepts(second)
    assert database.logins() == {second["username"]}


@pytest.mark.parametrize("step", [step.value for step in Step if step is not Step.WITHDRAW])
def test_a_crash_after_any_step_loses_nobody_s_access(database: Database, step: str) -> None:
    run = Run(database, ManualClock())
    run.to_the_end()
    before = database.stored()
    run.dies_after = f"rotation.{step}"
    died = False
    for _ in range(8):
        try:
            progress = run.go()
        except Crash:
            died = True
            assert database.accepts(database.stored()), "whatever everybody reads at this moment works"
            continue
        if progress.waits_until is None:
            break
        run.clock.advance(OVERLAP)
    assert died
    after = database.stored()
    assert after["username"] != before["username"]
    assert database.accepts(after)
    assert not database.accepts(before)
    # Dying between making a login and noting it leaves one that nobody knows: its lease ends it.
    assert len(database.logins() - {after["username"]}) == (1 if step == "stage" else 0)


class Refusing(DatabaseLogin):
    def verify(self, new: Fields) -> str | None:
        return DatabaseLogin.verify(self, {**new, "password": SecretStr("wrong")})


def test_a_login_the_database_refuses_is_given_back_and_the_old_one_stays(database: Database) -> None:
    run = Run(database, ManualClock())
    run.to_the_end()
    before = database.stored()
    run.login = Refusing(database.backend)
    ended = run.to_the_end().rotation
    assert ended.state is State.ROLLED_BACK
    assert "refused" in ended.reason
    assert database.stored() == before
    assert database.logins() == {before["username"]}
    assert database.accepts(before)


def test_a_database_that_is_away_makes_the_rotation_wait(database: Database) -> None:
    fields = {name: SecretStr(value) for name, value in database.stored().items()}
    away = {**fields, "url": SecretStr("postgresql://127.0.0.1:1/nowhere"), "username": SecretStr("x"), "password": SecretStr("canary-pw")}
    with pytest.raises(BackendUnavailable, match="waits") as caught:
        DatabaseLogin(database.backend).verify(away)
    assert "canary-pw" not in str(caught.value)


def test_leases_are_renewed_and_succeeded_before_their_longest_life_is_over(database: Database) -> None:
    run = Run(database, ManualClock())
    run.to_the_end()
    lease = database.stored()["lease"]
    root = database.bao.root()

    def left() -> int:
        return int(root.call(lambda vault: vault.sys.read_lease(lease))["data"]["ttl"])

    assert list(database_login.due(database.backend)) == []
    assert left() > TTL - 60

    def shorten(vault: Any) -> None:
        role = vault.read(f"{database.mount}/roles/{database.role}")["data"]
        vault.write_data(f"{database.mount}/roles/{database.role}", data={**role, "default_ttl": TTL // 4, "max_ttl": TTL // 4})

    root.call(shorten)
    assert list(database_login.due(database.backend)) == [PATH], "it can be renewed to a part of its length only"
    root.call(lambda vault: vault.sys.revoke_lease(lease))
    assert list(database_login.due(database.backend)) == [PATH], "and so does one that has ended"
    DatabaseLogin(database.backend).revoke({"lease": SecretStr(lease)})


def test_only_vault_makes_logins_and_what_is_missing_is_named(database: Database, tmp_path: Any) -> None:
    local = LocalBackend(tmp_path / "secrets.json", passphrase_key(SecretStr("correct horse")))
    with pytest.raises(ConfigurationError, match="vault"):
        DatabaseLogin(local).generate({"role": SecretStr("x"), "url": SecretStr("y")})
    assert list(database_login.due(local)) == []
    with pytest.raises(ConfigurationError, match="missing: role"):
        DatabaseLogin(database.backend).generate({"url": SecretStr("y")})


@pytest.fixture
def settings_of(database: Database, store: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    for name, value in {
        "FLEET_SECRETS__BACKEND": "vault", "FLEET_SECRETS__VAULT_URL": database.bao.url, "FLEET_SECRETS__VAULT_MOUNT": database.bao.mount,
        "FLEET_SECRETS__VAULT_DATABASE_MOUNT": database.mount, "FLEET_SECRETS__VAULT_AUTH": "token",
        "FLEET_SECRETS__VAULT_CREDENTIAL": database.bao.root_token, "FLEET_SECRETS__OVERLAP_SECONDS": "0.2",
        "FLEET_SECRETS__CACHE_SECONDS": "3600", "FLEET_COSTS__LEDGER_URL": database.url, "FLEET_COSTS__LEDGER_LOGIN_SECRET": PATH,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    forget_facts()
    assert store.ping()
    yield database
    monkeypatch.undo()
    forget_facts()


def by_hand() -> str:
    """Run `fleet secrets rotate` as an operator does; returns the state it says."""
    result = CliRunner().invoke(commands.group, ["rotate", PATH, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return str(json.loads(result.output)["rotations"][0]["rotation"]["state"])


def line(number: int) -> Entry:
    return Entry(
        call_id=f"call-{number}", at=int(time.time() * 1000), kind="call", task_id=f"task-{number}", attempt=1, tenant="acme", task_type="t",
        agent_type="a", model="m", provider="p", input_tokens=1, output_tokens=1, cached_input_tokens=0, reasoning_tokens=0, micros=10_000,
        estimated=False, origin="test",
    )  # fmt: skip


def test_the_ledger_goes_on_while_its_login_is_rotated_by_hand(settings_of: Database) -> None:
    eventually(lambda: by_hand() == "done")
    ledger = DurableLedger(settings_of.url)
    ledger.append([line(1)])
    first = settings_of.stored()["username"]
    eventually(lambda: by_hand() == "done")
    assert settings_of.stored()["username"] != first
    assert settings_of.logins() == {settings_of.stored()["username"]}
    # This process still remembers the old login for an hour: refused once, it asks anew. A cut shows in several ways.
    for number in range(2, 6):
        cut(settings_of)
        ledger.append([line(number)])
    assert ledger.total_micros() == 50_000
    ledger.close()


def test_a_login_that_was_taken_back_is_succeeded_by_the_scheduled_job(settings_of: Database) -> None:
    eventually(lambda: by_hand() == "done")
    lost = settings_of.stored()
    settings_of.bao.root().call(lambda vault: vault.sys.revoke_lease(lost["lease"]))
    with pytest.raises(LedgerUnavailable):
        DurableLedger(settings_of.url)
    eventually(lambda: not upkeep.rotate_due() and settings_of.stored()["username"] != lost["username"])
    DurableLedger(settings_of.url).close()


def cut(database: Database) -> None:
    """End all connections, as a database does that restarts."""
    name = sql.make_url(database.url).database
    engine = sql.create_engine(database.url, poolclass=sql.pool.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = %s", (name,))
