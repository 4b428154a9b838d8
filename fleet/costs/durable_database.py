"""How is the database of the durable ledger opened, and what is said when it is away?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlalchemy as sql

from fleet.costs.durable_tables import metadata
from fleet.errors import ConfigurationError, FleetError
from fleet.settings import current

# pg8000 is permissively licensed and pure Python; what is large goes through COPY, where the driver's speed hardly counts.
POSTGRESQL_DRIVER = "postgresql+pg8000"
# Key of the lock under which one of several programs creates the tables; any number that nobody else uses.
CREATING = 0x1ED6E5
LOGIN = "fleet.secrets.database_login"


class LedgerUnavailable(FleetError):
    """The durable ledger could not be reached: nothing was lost, the entries stay in Redis until it can."""


def open_database(url: str) -> sql.Engine:
    """Return an engine on a database that has the ledger's tables; creates a SQLite file where there is none.

    Raises ConfigurationError for a URL that can never work, LedgerUnavailable when the server does not answer.
    """
    try:
        address = sql.make_url(url)
    except sql.exc.ArgumentError:
        raise ConfigurationError(
            "costs.ledger_url is not a URL: set it to postgresql://user:password@host/database, or leave it empty"  # pragma: allowlist secret
        ) from None
    match address.get_backend_name():
        case "sqlite":
            if address.database not in (None, "", ":memory:"):
                Path(str(address.database)).parent.mkdir(parents=True, exist_ok=True)
        case "postgresql":
            if address.drivername == "postgresql":
                address = address.set(drivername=POSTGRESQL_DRIVER)
        case other:
            raise ConfigurationError(
                f"the ledger cannot live in {other}: set FLEET_COSTS__LEDGER_URL to SQLite or PostgreSQL"
            )
    engine = sql.create_engine(address)
    ask_before_use(engine)
    if engine.dialect.name == "postgresql" and (path := current().costs.ledger_login_secret):
        log_in_with(engine, path)
    with reached(engine), engine.connect() as connection:
        # Several programs may be the first at once: one creates the tables, the others wait for it.
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(sql.select(sql.func.pg_advisory_xact_lock(CREATING)))
        metadata.create_all(connection)
        connection.commit()
        if engine.dialect.name == "sqlite":
            # Readers beside a writer; refused while somebody else has the file open, who then does it.
            with suppress(sql.exc.OperationalError):
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    return engine


def ask_before_use(engine: sql.Engine) -> None:
    """Let a connection that a restarted database has cut between two jobs be replaced, however that shows.

    SQLAlchemy's own `pool_pre_ping` takes the driver's errors for a cut; a reset comes as an OSError past the driver.
    """

    @sql.event.listens_for(engine, "checkout")
    def ask(connection: Any, _record: Any, _proxy: Any) -> None:
        try:
            engine.dialect.do_ping(connection)
        except (engine.dialect.loaded_dbapi.Error, OSError) as error:
            raise sql.exc.DisconnectionError("the database closed this connection") from error


def log_in_with(engine: sql.Engine, path: str) -> None:
    """Let every new connection log in as the secret at this path says at that moment, so that rotating needs no restart."""
    login = import_module(LOGIN)  # a neighbour: named, not imported

    @sql.event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _record: Any, arguments: Any, options: dict[str, Any]) -> Any:
        options["user"], options["password"] = login.read(path)
        try:
            return dialect.connect(*arguments, **options)
        except dialect.loaded_dbapi.Error:
            fresh = login.read(path, was_refused=True)
            if fresh == (options["user"], options["password"]):
                raise
            options["user"], options["password"] = fresh
            return dialect.connect(*arguments, **options)


@contextmanager
def reached(engine: sql.Engine) -> Iterator[None]:
    """Turn what the driver raises in this block into LedgerUnavailable, naming the database and never its password."""
    try:
        yield
    except (sql.exc.SQLAlchemyError, OSError) as error:
        said = error if isinstance(error, OSError) else error.args[0] if error.args else ""
        raise LedgerUnavailable(
            f"the durable ledger at {engine.url.render_as_string(hide_password=True)} did not answer "
            f"({error.__class__.__name__}: {said}); entries stay in Redis until it does"
        ) from error
