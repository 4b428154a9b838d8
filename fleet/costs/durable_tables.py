"""Which tables is the durable ledger made of?

What every entry says anew stands in `ledger`; what thousands of entries share (whose, what for, which model, by which
price) stands once in `ledger_subjects`; entries beyond their time are daily sums in `ledger_daily`.
"""

from __future__ import annotations

import sqlalchemy as sql

from fleet.costs.entries import NAMES

FACTS = (
    "call_id",
    "at",
    "task_id",
    "attempt",
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "reasoning_tokens",
    "micros",
    "estimated",
    "ok",
)
SUBJECT = ("kind", *NAMES, "provider", "origin")

metadata = sql.MetaData()
_integer = sql.BigInteger().with_variant(sql.Integer, "sqlite")

SUBJECTS = sql.Table(
    "ledger_subjects",
    metadata,
    sql.Column("id", _integer, primary_key=True, autoincrement=True),
    *(sql.Column(name, sql.Text, nullable=False) for name in SUBJECT),
    sql.UniqueConstraint(*SUBJECT),
)
LEDGER = sql.Table(
    "ledger",
    metadata,
    sql.Column("call_id", sql.Text, primary_key=True),
    sql.Column("at", _integer, nullable=False, index=True),
    sql.Column("micros", _integer, nullable=False),
    sql.Column("subject", _integer, sql.ForeignKey(SUBJECTS.c.id), nullable=False),
    sql.Column("task_key", _integer, nullable=False),
    sql.Column("ok", sql.Boolean, nullable=True),
    *(
        sql.Column(name, _integer, nullable=False)
        for name in ("input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens", "attempt")
    ),
    sql.Column("estimated", sql.Boolean, nullable=False),
    sql.Column("task_id", sql.Text, nullable=False),
)
DAILY = sql.Table(
    "ledger_daily",
    metadata,
    sql.Column("day", sql.Text, primary_key=True),
    *(sql.Column(name, sql.Text, primary_key=True) for name in ("kind", *NAMES)),
    *(sql.Column(name, _integer, nullable=False) for name in ("entries", "tokens", "micros")),
)
