"""Where does the ledger live so that losing Redis loses no money?

One append-only table in SQLite (default: one file beside the fleet, nothing to run) or PostgreSQL (several hosts),
through SQLAlchemy, because retention, export and a correction by call id are what databases do. The call id is the
primary key: the same call appended twice is one line; an estimate gives way to the exact amount, never the other way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite

from fleet.costs.durable_database import LedgerUnavailable, open_database, reached
from fleet.costs.durable_rows import CHUNK, rows
from fleet.costs.durable_tables import DAILY, FACTS, LEDGER, SUBJECT, SUBJECTS
from fleet.costs.entries import NAMES, Columns, Entry, task_key
from fleet.settings import Settings

FILE = "ledger.db"
DAY_OF = {
    "sqlite": "strftime('%Y-%m-%d', ledger.at / 1000, 'unixepoch')",
    "postgresql": "to_char(to_timestamp(ledger.at / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
}
Subject = tuple[str, ...]


def ledger_url(settings: Settings) -> str:
    """Return where the durable ledger is: as set, else a SQLite file in the state directory."""
    return settings.costs.ledger_url.get_secret_value() or f"sqlite:///{settings.state_dir / FILE}"


class DurableLedger:
    """The append-only table; safe to use from several processes."""

    def __init__(self, url: str) -> None:
        self._engine = open_database(url)
        self._insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        self._known: dict[Subject, int] = {}

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
        try:
            with reached(self._engine), self._engine.begin() as connection:
                known = self._subjects(connection, {_subject(entry) for entry in entries})
                lines = [
                    {name: getattr(entry, name) for name in FACTS}
                    | {"task_key": task_key(entry.task_id), "subject": known[_subject(entry)]}
                    for entry in entries
                ]
                connection.execute(statement, lines)
        except LedgerUnavailable:
            # Subjects that were rolled back must not be remembered.
            self._known.clear()
            raise

    def total_micros(self) -> int:
        """Return the exact sum of everything, days already summed up included."""
        with self._engine.connect() as connection:
            live = connection.scalar(sql.select(sql.func.sum(LEDGER.c.micros))) or 0
            old = connection.scalar(sql.select(sql.func.sum(DAILY.c.micros))) or 0
        return int(live) + int(old)

    def spent_since(self, since: int) -> dict[tuple[str, str], int]:
        """Return what calls cost since a moment (milliseconds), by tenant and task type."""
        group = (SUBJECTS.c.tenant, SUBJECTS.c.task_type)
        query = sql.select(*group, sql.func.sum(LEDGER.c.micros)).join_from(LEDGER, SUBJECTS).group_by(*group)
        with self._engine.connect() as connection:
            rows = connection.execute(query.where(LEDGER.c.at >= since, SUBJECTS.c.kind == "call"))
            return {(tenant, task_type): int(micros) for tenant, task_type, micros in rows}

    def entries(self, *, since: int = 0) -> Iterator[Entry]:
        """Yield entries in order of time, for export."""
        query = sql.select(*(LEDGER.c[name] for name in FACTS), *(SUBJECTS.c[name] for name in SUBJECT))
        query = query.join_from(LEDGER, SUBJECTS).where(LEDGER.c.at >= since).order_by(LEDGER.c.at, LEDGER.c.call_id)
        with self._engine.connect() as connection:
            for row in connection.execution_options(yield_per=CHUNK, stream_results=True).execute(query):
                yield Entry(**row._mapping)

    def columns(self, *, since: int = 0) -> Columns:
        """Return entries as arrays, for analysis."""
        tokens = (LEDGER.c.input_tokens + LEDGER.c.output_tokens).label("tokens")
        ok = sql.func.coalesce(sql.cast(LEDGER.c.ok, sql.Integer), -1).label("ok")
        query = sql.select(LEDGER.c.at, LEDGER.c.micros, tokens, LEDGER.c.task_key.label("task"), ok, LEDGER.c.subject)
        with reached(self._engine):
            table = rows(self._engine, query.where(LEDGER.c.at >= since) if since else query)
        with self._engine.connect() as connection:
            subjects = {row.id: row for row in connection.execute(sql.select(SUBJECTS))}
        numbers, place = np.unique(table["subject"], return_inverse=True)
        found = [subjects[int(number)] for number in numbers]
        names = {name: tuple(dict.fromkeys(getattr(row, name) for row in found)) for name in NAMES}
        codes = {
            name: np.array([names[name].index(getattr(row, name)) for row in found], dtype=np.int32)[place]
            for name in NAMES
        }
        return Columns(
            **{name: table[name].astype(np.int64) for name in ("at", "micros", "tokens", "task")},
            ok=table["ok"].astype(np.int8),
            replica=np.array([row.kind == "replica" for row in found], dtype=np.bool_)[place],
            codes=codes,
            names=names,
        )

    def forget(self, before: int) -> int:
        """Sum up entries older than a moment (milliseconds) by day and delete them; returns how many."""
        # Literal, since PostgreSQL does not see that two bound formats are the same one.
        day: sql.ColumnElement[str] = sql.literal_column(DAY_OF[self._engine.dialect.name])
        group = (day, SUBJECTS.c.kind, *(SUBJECTS.c[name] for name in NAMES))
        tokens = sql.func.sum(LEDGER.c.input_tokens + LEDGER.c.output_tokens)
        sums = sql.select(*group, sql.func.count(), tokens, sql.func.sum(LEDGER.c.micros)).join_from(LEDGER, SUBJECTS)
        statement = self._insert(DAILY).from_select(
            [column.name for column in DAILY.c], sums.where(LEDGER.c.at < before).group_by(*group)
        )
        added = {name: DAILY.c[name] + statement.excluded[name] for name in ("entries", "tokens", "micros")}
        with self._engine.begin() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=list(DAILY.primary_key), set_=added))
            return connection.execute(sql.delete(LEDGER).where(LEDGER.c.at < before)).rowcount

    def _subjects(self, connection: sql.Connection, wanted: set[Subject]) -> Mapping[Subject, int]:
        if missing := wanted - self._known.keys():
            rows = [dict(zip(SUBJECT, subject, strict=True)) for subject in sorted(missing)]
            connection.execute(self._insert(SUBJECTS).on_conflict_do_nothing(), rows)
            columns = [SUBJECTS.c[name] for name in SUBJECT]
            for number, *names in connection.execute(sql.select(SUBJECTS.c.id, *columns)):
                self._known[tuple(names)] = number
        return self._known


def _subject(entry: Entry) -> Subject:
    return tuple(getattr(entry, name) for name in SUBJECT)
