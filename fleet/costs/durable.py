"""Where does the ledger live so that losing Redis loses no money?

One append-only table in SQLite (default: one file beside the fleet, nothing to run) or PostgreSQL (several hosts),
through SQLAlchemy, because retention, export and a correction by call id are what databases do. The call id is the
primary key: the same call appended twice is one line; an estimate gives way to the exact amount, never the other way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite

from fleet.costs.entries import NAMES, Columns, ColumnsBuilder, Entry, task_key
from fleet.errors import ConfigurationError
from fleet.settings import Settings

FILE = "ledger.db"
CHUNK = 50_000
_metadata = sql.MetaData()
_integer = sql.BigInteger().with_variant(sql.Integer, "sqlite")
LEDGER = sql.Table(
    "ledger",
    _metadata,
    sql.Column("call_id", sql.Text, primary_key=True),
    sql.Column("at", _integer, nullable=False, index=True),
    sql.Column("kind", sql.Text, nullable=False),
    sql.Column("task_id", sql.Text, nullable=False),
    sql.Column("task_key", _integer, nullable=False),
    sql.Column("attempt", _integer, nullable=False),
    *(sql.Column(name, sql.Text, nullable=False) for name in (*NAMES, "provider")),
    *(
        sql.Column(name, _integer, nullable=False)
        for name in ("input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens", "micros")
    ),
    sql.Column("estimated", sql.Boolean, nullable=False),
    sql.Column("origin", sql.Text, nullable=False),
    sql.Column("ok", sql.Boolean, nullable=True),
)
# What is left of entries whose time in the ledger is over.
DAILY = sql.Table(
    "ledger_daily",
    _metadata,
    sql.Column("day", sql.Text, primary_key=True),
    *(sql.Column(name, sql.Text, primary_key=True) for name in ("kind", *NAMES)),
    *(sql.Column(name, _integer, nullable=False) for name in ("entries", "tokens", "micros")),
)
_FIELDS = tuple(field.name for field in fields(Entry))


def ledger_url(settings: Settings) -> str:
    """Return where the durable ledger is: as set, else a SQLite file in the state directory."""
    return settings.costs.ledger_url.get_secret_value() or f"sqlite:///{settings.state_dir / FILE}"


class DurableLedger:
    """The append-only table; safe to use from several processes."""

    def __init__(self, url: str) -> None:
        address = sql.make_url(url)
        if address.get_backend_name() not in ("sqlite", "postgresql"):
            raise ConfigurationError(
                f"the ledger cannot live in {address.get_backend_name()}: "
                "set FLEET_COSTS__LEDGER_URL to SQLite or PostgreSQL"
            )
        if address.get_backend_name() == "sqlite" and address.database not in (None, "", ":memory:"):
            Path(str(address.database)).parent.mkdir(parents=True, exist_ok=True)
        self._engine = sql.create_engine(address)
        self._insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        if self._engine.dialect.name == "sqlite":
            with self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        _metadata.create_all(self._engine)

    def close(self) -> None:
        self._engine.dispose()

    def append(self, entries: Sequence[Entry]) -> None:
        """Write entries in one transaction; known calls stay, unless an exact amount replaces an estimate."""
        if not entries:
            return
        statement = self._insert(LEDGER)
        kept = ("call_id", "at", "task_id", "task_key")
        statement = statement.on_conflict_do_update(
            index_elements=[LEDGER.c.call_id],
            set_={column.name: statement.excluded[column.name] for column in LEDGER.c if column.name not in kept},
            where=sql.and_(LEDGER.c.estimated, sql.not_(statement.excluded.estimated)),
        )
        rows = [asdict(entry) | {"task_key": task_key(entry.task_id)} for entry in entries]
        with self._engine.begin() as connection:
            connection.execute(statement, rows)

    def total_micros(self, *, since: int = 0) -> int:
        """Return the exact sum of everything since a moment (milliseconds), days already summed up included."""
        with self._engine.connect() as connection:
            live = connection.scalar(sql.select(sql.func.sum(LEDGER.c.micros)).where(LEDGER.c.at >= since)) or 0
            old = connection.scalar(sql.select(sql.func.sum(DAILY.c.micros))) or 0 if not since else 0
        return int(live) + int(old)

    def spent_since(self, since: int) -> dict[tuple[str, str], int]:
        """Return what calls cost since a moment (milliseconds), by tenant and task type."""
        group = (LEDGER.c.tenant, LEDGER.c.task_type)
        query = sql.select(*group, sql.func.sum(LEDGER.c.micros)).where(LEDGER.c.at >= since, LEDGER.c.kind == "call")
        with self._engine.connect() as connection:
            return {(tenant, kind): int(micros) for tenant, kind, micros in connection.execute(query.group_by(*group))}

    def entries(self, *, since: int = 0, until: int | None = None) -> Iterator[Entry]:
        """Yield entries in order of time, for export."""
        query = sql.select(*(LEDGER.c[name] for name in _FIELDS)).order_by(LEDGER.c.at, LEDGER.c.call_id)
        with self._engine.connect() as connection:
            for row in connection.execution_options(yield_per=CHUNK).execute(_between(query, since, until)):
                yield Entry(*row)

    def columns(self, *, since: int = 0, until: int | None = None) -> Columns:
        """Return entries as arrays, for analysis."""
        tokens = LEDGER.c.input_tokens + LEDGER.c.output_tokens
        ok = sql.func.coalesce(sql.cast(LEDGER.c.ok, sql.Integer), -1)
        query = sql.select(
            LEDGER.c.at, LEDGER.c.micros, tokens, LEDGER.c.task_key, LEDGER.c.kind == "replica", ok,
            *(LEDGER.c[name] for name in NAMES),
        )  # fmt: skip
        builder = ColumnsBuilder()
        for chunk in self._raw(_between(query, since, until)):
            builder.add(chunk)
        return builder.build()

    def forget(self, before: int) -> int:
        """Sum up entries older than a moment (milliseconds) by day and delete them; returns how many."""
        day = (
            sql.func.strftime("%Y-%m-%d", LEDGER.c.at / 1000, "unixepoch")
            if self._engine.dialect.name == "sqlite"
            else sql.func.to_char(sql.func.to_timestamp(LEDGER.c.at / 1000).op("AT TIME ZONE")("UTC"), "YYYY-MM-DD")
        )
        group = (day, LEDGER.c.kind, *(LEDGER.c[name] for name in NAMES))
        sums = sql.select(
            *group,
            sql.func.count(),
            sql.func.sum(LEDGER.c.input_tokens + LEDGER.c.output_tokens),
            sql.func.sum(LEDGER.c.micros),
        )
        statement = self._insert(DAILY).from_select(
            [column.name for column in DAILY.c], sums.where(LEDGER.c.at < before).group_by(*group)
        )
        added = {name: DAILY.c[name] + statement.excluded[name] for name in ("entries", "tokens", "micros")}
        with self._engine.begin() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=list(DAILY.primary_key), set_=added))
            return connection.execute(sql.delete(LEDGER).where(LEDGER.c.at < before)).rowcount

    def _raw(self, query: sql.Select[Any]) -> Iterator[Iterable[tuple[Any, ...]]]:
        # Straight from the driver: a Row object per entry would cost more than the whole analysis.
        compiled = query.compile(self._engine, compile_kwargs={"literal_binds": True})
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(str(compiled))
            while chunk := cursor.fetchmany(CHUNK):
                yield chunk
        finally:
            connection.close()


def _between(query: sql.Select[Any], since: int, until: int | None) -> sql.Select[Any]:
    query = query.where(LEDGER.c.at >= since) if since else query
    return query.where(LEDGER.c.at < until) if until is not None else query
