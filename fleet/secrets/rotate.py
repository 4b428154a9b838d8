"""How is a rotation carried out, so that it survives a crash anywhere and never runs twice at once?

Its state and the staged credential are one secret under `rotations/`, written with check-and-set: the backend protects
the value, and of two runners only one advances. Steps are idempotent; each one that succeeds is on record.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, assert_never

from pydantic import SecretStr

from fleet.clock import SYSTEM, Clock
from fleet.secrets.audit_entry import Outcome
from fleet.secrets.backend import SecretBackend, checked
from fleet.secrets.errors import SecretConflict, SecretMissing
from fleet.secrets.resolve import Recorder
from fleet.secrets.rotation import Rotation, State, Step, advanced, next_step, refused
from fleet.telemetry import logs
from fleet.telemetry.events import Event

FOLDER = "rotations"
Fields = Mapping[str, SecretStr]


class Credential(Protocol):
    """What it takes to replace one kind of credential; every verb may be repeated."""

    @property
    def kind(self) -> str: ...

    def generate(self, current: Fields) -> Fields:
        """Return a new credential; nobody accepts it yet."""
        ...

    def admit(self, new: Fields) -> None:
        """Make the new credential valid beside the old one."""
        ...

    def verify(self, new: Fields) -> str | None:
        """Use the new credential for real; return why it was refused, None when it works."""
        ...

    def revoke(self, old: Fields) -> None:
        """Make a credential worthless."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a rotation stands; `waits_until` is set while an overlap runs."""

    rotation: Rotation
    waits_until: float | None


@dataclass(frozen=True, slots=True)
class _Document:
    """A rotation as stored, with the version that check-and-set needs."""

    rotation: Rotation
    staged: Fields
    version: int


def start(backend: SecretBackend, path: str, kind: str, *, clock: Clock = SYSTEM) -> Rotation:
    """Plan a rotation of a path, or return the one under way."""
    under_way = _load(backend, checked(path))
    if under_way is not None:
        return under_way.rotation
    versions = backend.versions(path)
    now = clock.now()
    rotation = Rotation(
        secrets.token_hex(6), path, kind, State.PLANNED, versions[-1].number if versions else 0, now, now
    )
    try:
        _save(backend, rotation, {}, 0)
    except SecretConflict:
        winner = _load(backend, path)
        return winner.rotation if winner else rotation
    return rotation


def advance(
    backend: SecretBackend,
    credential: Credential,
    path: str,
    recorder: Recorder,
    *,
    overlap_seconds: float,
    clock: Clock = SYSTEM,
) -> Progress:
    """Take every step that is due; stops when one has to wait, or at the end."""
    while True:
        document = _load(backend, path)
        if document is None:
            raise SecretMissing(f"{FOLDER}/{_slug(path)}", " (no rotation under way)")
        rotation = document.rotation
        due = next_step(rotation, overlap_seconds)
        if due is None:
            backend.delete(_at(path))
            return Progress(rotation, None)
        if clock.now() < due.not_before:
            return Progress(rotation, due.not_before)
        after, staged = _take(backend, credential, document, due.step, clock)
        outcome: Outcome = "ok" if after.state is not State.WITHDRAWING else "failed"
        detail = {"rotation": rotation.id, "kind": rotation.kind, "reason": after.reason}
        recorder(f"rotation.{due.step.value}", path, outcome, detail)
        _save(backend, after, staged, document.version)
        if after.ended:
            logs.get("secrets").info(Event.SECRET_ROTATED, path=path, state=after.state.value, reason=after.reason)


def under_way(backend: SecretBackend) -> Iterator[Rotation]:
    """Yield the rotations that have begun and not ended."""
    for stored in backend.paths(FOLDER):
        path = backend.read(stored).field("path").get_secret_value()
        if (document := _load(backend, path)) is not None:
            yield document.rotation


def _take(
    backend: SecretBackend, credential: Credential, document: _Document, step: Step, clock: Clock
) -> tuple[Rotation, Fields]:
    rotation, staged = document.rotation, document.staged
    why: str | None = None
    match step:
        case Step.STAGE:
            staged = credential.generate(_fields(backend, rotation.path, rotation.old_version))
        case Step.ADMIT:
            credential.admit(staged)
        case Step.VERIFY:
            why = credential.verify(staged)
        case Step.SWITCH:
            why = _switch(backend, rotation, staged)
        case Step.REVOKE:
            old = _fields(backend, rotation.path, rotation.old_version)
            if old:
                credential.revoke(old)
        case Step.CLOSE:
            if rotation.old_version:
                backend.destroy(rotation.path, rotation.old_version)
            staged = {}
        case Step.WITHDRAW:
            if staged:
                credential.revoke(staged)
            staged = {}
        case never:
            assert_never(never)
    now = clock.now()
    return (advanced(rotation, now), staged) if why is None else (refused(rotation, why, now), staged)


def _switch(backend: SecretBackend, rotation: Rotation, staged: Fields) -> str | None:
    try:
        backend.write(rotation.path, staged, expected_version=rotation.old_version)
    except SecretConflict:
        if dict(backend.read(rotation.path).fields) != dict(staged):
            return "somebody wrote another value meanwhile: nothing was switched, start the rotation again"
    return None


def _fields(backend: SecretBackend, path: str, version: int) -> Fields:
    if version == 0:
        return {}
    try:
        return backend.read(path, version).fields
    except SecretMissing:
        return {}


def _slug(path: str) -> str:
    return path.replace("/", ".")


def _at(path: str) -> str:
    return f"{FOLDER}/{_slug(path)}"


def _load(backend: SecretBackend, path: str) -> _Document | None:
    try:
        stored = backend.read(_at(path))
    except SecretMissing:
        return None
    plain = {name: value.get_secret_value() for name, value in stored.fields.items()}
    staged = {name: SecretStr(value) for name, value in json.loads(plain["staged"]).items()}
    rotation = Rotation(
        plain["id"],
        plain["path"],
        plain["kind"],
        State(plain["state"]),
        int(plain["old_version"]),
        float(plain["started_at"]),
        float(plain["changed_at"]),
        plain["reason"],
    )
    return _Document(rotation, staged, stored.version)


def _save(backend: SecretBackend, rotation: Rotation, staged: Fields, expected_version: int) -> None:
    plain = {
        "id": rotation.id,
        "path": rotation.path,
        "kind": rotation.kind,
        "state": rotation.state.value,
        "old_version": str(rotation.old_version),
        "started_at": repr(rotation.started_at),
        "changed_at": repr(rotation.changed_at),
        "reason": rotation.reason,
        "staged": json.dumps({name: value.get_secret_value() for name, value in staged.items()}),
    }
    fields = {name: SecretStr(value) for name, value in plain.items()}
    backend.write(_at(rotation.path), fields, expected_version=expected_version)
