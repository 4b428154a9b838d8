"""Who did what, and can we still prove it?

One function, `record`, for every secret access and operator action. Entries are hash-chained and appended atomically
to a stream; `archive` moves them to a file that outlives Redis. What cannot be recorded does not happen: it raises.
"""

from __future__ import annotations

import getpass
import os
import secrets
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from fleet.clock import SYSTEM, Clock, utc
from fleet.errors import Conflict
from fleet.secrets.audit_entry import NOTHING, Anchor, Entry, Outcome, Verdict, check, digest
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import available, connect
from fleet.store.scripts import script
from fleet.telemetry.redaction import redact

if TYPE_CHECKING:
    import redis

Page = list[tuple[str, dict[str, str]]]
PAGE = 1000
TRIES = 200


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain ends, where Redis' part of it begins, and how far it is archived."""

    last: Anchor
    base: Anchor
    archived: int


def record(
    action: str,
    target: str,
    *,
    outcome: Outcome = "ok",
    actor: str | None = None,
    source: str | None = None,
    detail: Mapping[str, object] | None = None,
    client: redis.Redis | None = None,
    cell: str | None = None,
    clock: Clock = SYSTEM,
) -> Entry:
    """Append an entry (`action` is `<noun>.<verb>`) and return it; actor and source default to this process's."""
    client, cell = client or connect(), cell or current().cell
    safe = {name: str(value) for name, value in redact(dict(detail or {})).items()}
    draft = Entry(
        seq=0,
        at=utc(clock.now()).isoformat(),
        actor=actor or process_actor(),
        action=action,
        target=target,
        source=source or process_source(),
        outcome=outcome,
        detail=safe,
        nonce=secrets.token_hex(8),
        previous=NOTHING,
    )
    return _append(client, cell, draft)


def _append(client: redis.Redis, cell: str, draft: Entry) -> Entry:
    append = script("secrets/audit_append.lua")
    last = head(client, cell).last
    for _ in range(TRIES):
        entry = replace(draft, seq=last.seq + 1, previous=last.hash)
        entry = replace(entry, hash=digest(entry))
        answer = append(client, [keys.prefix(cell)], [entry.previous, entry.seq, entry.hash, entry.as_json()])
        if int(answer[0]) == 1:
            return entry
        last = Anchor(int(answer[1]), str(answer[2]))
    raise Conflict(
        f"the audit log moved {TRIES} times while {draft.action!r} was appended: too many writers, try again"
    )


def head(client: redis.Redis, cell: str) -> Head:
    """Return the ends of the chain."""
    with available():
        found = client.hmget(keys.audit_head(cell), ["seq", "hash", "base_seq", "base_hash", "archived"])
    seq, last, base_seq, base, archived = cast(list[str | None], found)
    return Head(Anchor(int(seq or 0), last or NOTHING), Anchor(int(base_seq or 0), base or NOTHING), int(archived or 0))


def entries(client: redis.Redis | None = None, cell: str | None = None, after: int = 0) -> Iterator[Entry]:
    """Yield the entries Redis holds, oldest first, a page at a time."""
    client, cell = client or connect(), cell or current().cell
    while True:
        with available():
            page = cast(Page, client.xrange(keys.audit(cell), f"({after}-0", "+", count=PAGE))
        for number, fields in page:
            yield Entry.from_json(fields["entry"])
            after = int(number.partition("-")[0])
        if len(page) < PAGE:
            return


def newest(count: int, client: redis.Redis | None = None, cell: str | None = None) -> tuple[Entry, ...]:
    """Return the newest entries, newest first."""
    client, cell = client or connect(), cell or current().cell
    with available():
        page = cast(Page, client.xrevrange(keys.audit(cell), "+", "-", count=count))
    return tuple(Entry.from_json(fields["entry"]) for _, fields in page)


def verify(client: redis.Redis | None = None, cell: str | None = None) -> Verdict:
    """Follow the chain in Redis from where it begins to what was written last."""
    client, cell = client or connect(), cell or current().cell
    ends = head(client, cell)
    upto = (entry for entry in entries(client, cell, ends.base.seq) if entry.seq <= ends.last.seq)
    return check(upto, ends.base, ends.last)


def read_archive(file: Path) -> Iterator[Entry]:
    """Yield the entries of an archive file."""
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield Entry.from_json(line)


def verify_archive(file: Path) -> Verdict:
    """Follow the chain in a file that begins with the first entry."""
    return check(read_archive(file))


def archive(file: Path, *, keep: int = 100_000, client: redis.Redis | None = None, cell: str | None = None) -> Verdict:
    """Append what is new to a JSON-lines file, durably; then let Redis forget all but the newest `keep` entries.

    The file must end inside Redis' part of the chain: one that was shortened, changed or written by another fleet is
    refused, and nothing is forgotten.
    """
    client, cell = client or connect(), cell or current().cell
    ends = head(client, cell)
    there = verify_archive(file) if file.exists() else check(())
    if there.ok and not ends.base.seq <= there.last.seq <= ends.last.seq:
        gap = f"it ends at {there.last.seq}, Redis holds {ends.base.seq + 1} to {ends.last.seq}"
        there = replace(there, ok=False, broken_at=there.last.seq + 1, reason=gap)
    if not there.ok:
        return replace(there, reason=f"{file} cannot be continued: {there.reason}")
    fresh = [entry for entry in entries(client, cell, there.last.seq) if entry.seq <= ends.last.seq]
    verdict = check(fresh, there.last, ends.last)
    if not verdict.ok:
        return verdict
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.writelines(entry.as_json() + "\n" for entry in fresh)
        out.flush()
        os.fsync(out.fileno())
    _forget(client, cell, verdict.last.seq, verdict.last.seq - keep)
    return verdict


def _forget(client: redis.Redis, cell: str, archived: int, through: int) -> None:
    stream, ends = keys.audit(cell), keys.audit_head(cell)
    with available():
        client.hset(ends, "archived", archived)
        found = cast(Page, client.xrange(stream, f"{through}-0", f"{through}-0")) if through > 0 else []
        if found:
            base = Entry.from_json(found[0][1]["entry"])
            with client.pipeline(transaction=True) as both:
                both.hset(ends, mapping={"base_seq": base.seq, "base_hash": base.hash})
                both.xtrim(stream, minid=f"{through + 1}-0", approximate=False)
                both.execute()


@cache
def process_actor() -> str:
    """Name who runs this process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user id without an account
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"


@cache
def process_source() -> str:
    """Name the program this process runs."""
    return f"{Path(sys.argv[0]).name or 'python'}[{os.getpid()}]"
