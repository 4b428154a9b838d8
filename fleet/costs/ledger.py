"""How do ledger entries get from Redis to where they stay, and out again?

The settle script appends to a stream in the same step that changes the budgets. `roll_up` copies the stream into the
durable ledger and trims what was committed there: an entry is in one of the two at every moment, and twice at worst,
which the call id undoes.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Literal, TextIO, cast

from fleet.costs.durable import DurableLedger
from fleet.costs.entries import Entry, entry_of
from fleet.costs.restore import restore
from fleet.store import keys
from fleet.store.client import Client, available

BATCH = 5000
Format = Literal["csv", "jsonl"]
COLUMNS = (*(field.name for field in fields(Entry)), "usd")


def roll_up(client: Client, cell: str, durable: DurableLedger) -> int:
    """Copy every hot entry into the durable ledger, then trim it from the stream; returns how many were moved.

    A Redis that lost its memory first gets back what its budgets had spent: afterwards nobody could tell old from new.
    """
    restore(client, cell, durable)
    stream = f"{keys.prefix(cell)}ledger"
    moved = 0
    while True:
        with available():
            batch = cast("list[tuple[str, dict[str, str]]]", client.xrange(stream, count=BATCH))
        if not batch:
            return moved
        durable.append(_once([entry_of(row) for _, row in batch]))
        with available():
            client.xtrim(stream, minid=_after(batch[-1][0]), approximate=False)
        moved += len(batch)


def hot_entries(client: Client, cell: str) -> list[Entry]:
    """Return the entries that are not rolled up yet."""
    with available():
        rows = cast("list[tuple[str, dict[str, str]]]", client.xrange(f"{keys.prefix(cell)}ledger"))
    return [entry_of(row) for _, row in rows]


def export(entries: Iterable[Entry], target: TextIO, form: Format) -> int:
    """Write entries as CSV (with a header) or JSON lines; returns how many."""
    count = 0
    writer: Any = csv.DictWriter(target, COLUMNS) if form == "csv" else None
    if writer:
        writer.writeheader()
    for entry in entries:
        row = entry.as_dict()
        if writer:
            writer.writerow(row)
        else:
            target.write(json.dumps(row, separators=(",", ":")) + "\n")
        count += 1
    return count


def _once(batch: list[Entry]) -> list[Entry]:
    # One statement may not touch a line twice: of an estimate and its correction, the correction stays.
    last: dict[str, Entry] = {}
    for entry in batch:
        if entry.call_id not in last or not entry.estimated:
            last[entry.call_id] = entry
    return list(last.values())


def _after(stream_id: str) -> str:
    milliseconds, _, number = stream_id.partition("-")
    return f"{milliseconds}-{int(number) + 1}"
