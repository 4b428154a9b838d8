"""Which files beside Redis are part of a cell: the durable ledger, the local secrets, the user's catalogue."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import sqlalchemy as sql

from fleet.costs.durable import ledger_url
from fleet.secrets.configured import LOCAL_FILE
from fleet.settings import Settings, catalogue_file

LEDGER = "ledger"


def places(settings: Settings) -> dict[str, Path]:
    """Return what each file is called in a backup, and where it stands here; a ledger in a server is not our file."""
    found = {"secrets": settings.state_dir / LOCAL_FILE, "catalogue": catalogue_file() or Path("fleet.yaml")}
    url = sql.make_url(ledger_url(settings))
    if url.get_backend_name() == "sqlite" and url.database:
        found[LEDGER] = Path(url.database)
    return found


def read(name: str, place: Path) -> bytes | None:
    """Return the file's content, the ledger's as of one transaction; None when there is none."""
    if not place.is_file():
        return None
    if name != LEDGER:
        return place.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        with closing(sqlite3.connect(place)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        return copy.read_bytes()


def put(place: Path, content: bytes) -> bool:
    """Write the file where none is; returns whether it did."""
    if place.exists():
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch(mode=0o600)
    place.write_bytes(content)
    return True
