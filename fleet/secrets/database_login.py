"""How is a database login replaced that Vault's database engine makes?

A secret `fleet/database/<name>` says with which role it is made and where it is used (`role`, `url` without a login), and
holds the login of the moment with its lease: renewed while it lasts, succeeded before its longest life is over, given
back when nobody uses it any more. Vault ends a lease together with the token that asked for it, so whoever rotates must
outlive it: the maintenance worker does, a token made for an hour does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pydantic import SecretStr

from fleet.clock import SYSTEM, Clock, utc
from fleet.errors import ConfigurationError
from fleet.secrets.backend import Lease, LeasedBackend, Secret, SecretBackend
from fleet.secrets.errors import BackendUnavailable
from fleet.secrets.rotate import Fields

FOLDER = "fleet/database"
NEEDED = ("role", "url")
REFUSED = ("28P01", "28000")
"""What PostgreSQL calls a wrong password, and a user who may not come in."""
SUCCEED_BELOW = 0.5
"""A lease renewed to less than this share of its first length nears the longest life its role allows."""


@runtime_checkable
class MakesLogins(LeasedBackend, Protocol):
    """A backend with a database engine."""

    def read(self, path: str, version: int | None = None) -> Secret: ...


@dataclass(frozen=True, slots=True)
class DatabaseLogin:
    """A login the database engine makes; it is valid from the start, and a lease."""

    backend: SecretBackend
    kind: str = "dynamic"

    def generate(self, current: Fields) -> Fields:
        if missing := [name for name in NEEDED if name not in current]:
            raise ConfigurationError(
                f"a database login needs the fields {' and '.join(NEEDED)} (missing: {', '.join(missing)}): "
                f"`fleet secrets put {FOLDER}/NAME role url`, the URL as SQLAlchemy writes it, without user and password"
            )
        made = leasing(self.backend).read(f"dynamic/{current['role'].get_secret_value()}")
        if made.lease is None:
            raise BackendUnavailable(f"{made.path!r} came without a lease: is it a role of the database engine?")
        lease = {"lease": SecretStr(made.lease.id), "lease_seconds": SecretStr(f"{made.lease.duration_seconds:g}")}
        return {**current, **made.fields, **lease}

    def admit(self, new: Fields) -> None: ...

    def verify(self, new: Fields) -> str | None:
        import sqlalchemy as sql

        plain = {name: value.get_secret_value() for name, value in new.items()}
        address = sql.make_url(plain["url"]).set(username=plain["username"], password=plain["password"])
        if address.drivername == "postgresql":
            address = address.set(drivername="postgresql+pg8000")
        engine = sql.create_engine(address, poolclass=sql.pool.NullPool)
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("SELECT 1")
        except sql.exc.DBAPIError as error:
            if refusal := _refusal(error.orig):
                return f"the database refused the new login ({refusal})"
            where = address.render_as_string(hide_password=True)
            raise BackendUnavailable(f"the database at {where} does not answer: the rotation waits") from None
        return None

    def revoke(self, old: Fields) -> None:
        if "lease" in old:
            leasing(self.backend).revoke(old["lease"].get_secret_value())


def _refusal(error: BaseException | None) -> str:
    """Return what the server said when it would not let somebody in; empty when it is something else.

    The driver says goodbye on a connection the server has closed, and what fails then hides what was said before.
    """
    while error is not None:
        said = error.args[0] if error.args else None
        if isinstance(said, dict) and said.get("C") in REFUSED:
            return str(said.get("M", said["C"]))
        error = error.__context__
    return ""


def read(path: str, *, was_refused: bool = False) -> tuple[str, str]:
    """Return user and password for a new connection; `was_refused`: what we had does not work any more."""
    from fleet.secrets.configured import resolver

    secret = resolver().refresh(path) if was_refused else resolver().secret(path)
    return secret.field("username").get_secret_value(), secret.field("password").get_secret_value()


def leasing(backend: SecretBackend) -> MakesLogins:
    """Return the backend, if it makes logins."""
    if not isinstance(backend, MakesLogins):
        raise ConfigurationError(
            f"the secret backend {backend.name!r} makes no database logins: set FLEET_SECRETS__BACKEND=vault"
        )
    return backend


def due(backend: SecretBackend, clock: Clock = SYSTEM) -> Iterator[str]:
    """Renew the lease of every login in use; yield the paths whose login needs a successor because its lease cannot go on."""
    if not isinstance(backend, MakesLogins):
        return
    for path in backend.paths(FOLDER):
        secret = backend.read(path)
        if "lease" not in secret.fields:
            continue
        length = float(secret.field("lease_seconds").get_secret_value())
        lease = Lease(secret.field("lease").get_secret_value(), length, True)
        try:
            renewed = backend.renew(Secret(path, secret.version, secret.fields, utc(clock.now()), lease)).lease
        except BackendUnavailable:
            renewed = None  # it has ended: all the more reason
        if renewed is None or renewed.duration_seconds < length * SUCCEED_BELOW:
            yield path
