"""What is an audit entry, and where does a chain of them break?

Pure. Each entry's hash covers its content and the hash before it, so an edit, a removal or an insertion breaks the
chain at that place. A chain proves itself up to a hash somebody kept elsewhere: that is what archives are for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["ok", "denied", "failed"]
NOTHING = "0" * 64


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place in the chain: the entries up to `seq` end with `hash`."""

    seq: int = 0
    hash: str = NOTHING


@dataclass(frozen=True, slots=True)
class Entry:
    """Who did what to which target, from where, with which outcome, when."""

    seq: int
    at: str
    actor: str
    action: str
    target: str
    source: str
    outcome: Outcome
    detail: Mapping[str, str]
    nonce: str
    previous: str
    hash: str = field(default="")

    def content(self) -> dict[str, object]:
        """Return what the hash covers: everything but the hash."""
        return {
            "seq": self.seq,
            "at": self.at,
            "actor": self.actor,
            "action": self.action,
            "target": self.target,
            "source": self.source,
            "outcome": self.outcome,
            "detail": dict(self.detail),
            "nonce": self.nonce,
            "previous": self.previous,
        }

    def as_json(self) -> str:
        return canonical({**self.content(), "hash": self.hash})

    @classmethod
    def from_json(cls, text: str) -> Entry:
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What looking at a chain found."""

    ok: bool
    checked: int
    last: Anchor
    broken_at: int | None
    reason: str


def canonical(document: Mapping[str, object]) -> str:
    """Return the one spelling of a document that is hashed."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(entry: Entry) -> str:
    return hashlib.sha256(canonical(entry.content()).encode("utf-8", "surrogatepass")).hexdigest()


def check(entries: Iterable[Entry], after: Anchor = Anchor(), until: Anchor | None = None) -> Verdict:
    """Follow the chain from an anchor to another (by default to its end); stop at the first broken link."""
    last, checked = after, 0
    for entry in entries:
        expected = last.seq + 1
        if entry.seq != expected:
            return Verdict(
                False, checked, last, expected, f"entry {expected} is missing: {entry.seq} follows {last.seq}"
            )
        if entry.previous != last.hash:
            return Verdict(False, checked, last, entry.seq, f"entry {entry.seq} does not continue entry {last.seq}")
        if digest(entry) != entry.hash:
            return Verdict(False, checked, last, entry.seq, f"entry {entry.seq} was changed: its hash does not fit")
        last, checked = Anchor(entry.seq, entry.hash), checked + 1
    if until is not None and last != until:
        missing = last.seq + 1
        return Verdict(
            False, checked, last, missing, f"the chain ends at {last.seq}, but {until.seq} entries were written"
        )
    return Verdict(True, checked, last, None, f"{checked} entries, no broken link")
