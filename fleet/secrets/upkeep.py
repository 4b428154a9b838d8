"""Which secrets are too old, and which rotations can go on?

What the scheduled job and `fleet secrets` do. Credentials the fleet makes itself (broker users, API keys, signing keys)
are rotated when their age says so; a provider's key waits for somebody who brings the new one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from fleet.clock import SYSTEM, Clock, utc
from fleet.errors import ConfigurationError, FleetError
from fleet.secrets import audit, database_login, rotate
from fleet.secrets.age import Age, judge, oldest_first
from fleet.secrets.backend import SecretBackend
from fleet.secrets.configured import backend as configured_backend
from fleet.secrets.configured import recorded
from fleet.secrets.credentials import credential, kind_of
from fleet.secrets.rotate import Progress
from fleet.secrets.rotation import State
from fleet.settings import Settings, current
from fleet.store import keys
from fleet.store.client import available, connect
from fleet.store.scripts import script

AUTOMATIC = ("broker", "gateway", "signing")


@dataclass(frozen=True, slots=True)
class Stuck:
    """A rotation that could not go on, and why; it will be tried again."""

    path: str
    reason: str


def ages(
    backend: SecretBackend | None = None, settings: Settings | None = None, clock: Clock = SYSTEM
) -> tuple[Age, ...]:
    """Judge every secret's age, oldest first; rotations under way are no secrets of their own."""
    settings = settings or current()
    backend = backend or configured_backend(settings)
    now = utc(clock.now())
    limits = settings.secrets
    judged = []
    for path in backend.paths():
        newest = next((version for version in reversed(backend.versions(path)) if version.readable), None)
        if newest and not path.startswith(f"{rotate.FOLDER}/"):
            judged.append(judge(path, newest.number, newest.created_at, now, limits.warn_days, limits.critical_days))
    return oldest_first(judged)


def rotate_one(
    path: str,
    *,
    kind: str | None = None,
    supplied: SecretStr | None = None,
    backend: SecretBackend | None = None,
    settings: Settings | None = None,
    clock: Clock = SYSTEM,
) -> Progress:
    """Start the rotation of a path, or go on with the one under way, as far as it can go now."""
    settings = settings or current()
    backend = backend or configured_backend(settings)
    started = {rotation.path: rotation.kind for rotation in rotate.under_way(backend)}
    kind = started.get(path) or kind or kind_of(path)
    if kind is None:
        raise ConfigurationError(
            f"what secret {path!r} is does not follow from its path: name it with `--kind` (`random` replaces it by "
            "random text)"
        )
    replaceable = credential(
        kind,
        backend=backend,
        client=connect(),
        cell=settings.cell,
        llm_base_url=settings.llm.base_url,
        supplied=supplied,
        holder=path.split("/")[1] if path.startswith("agents/") else "",
    )
    rotate.start(backend, path, kind, clock=clock)
    overlap = settings.secrets.overlap_seconds
    progress = rotate.advance(backend, replaceable, path, recorded, overlap_seconds=overlap, clock=clock)
    if progress.rotation.ended:
        outcome = "ok" if progress.rotation.state is State.DONE else "failed"
        count = [["count", 1, "", "fleet_secret_rotations_total", outcome]]
        script("telemetry/record.lua")(connect(), [keys.prefix(settings.cell)], [json.dumps(count)])
    return progress


def rotate_due(
    backend: SecretBackend | None = None, settings: Settings | None = None, clock: Clock = SYSTEM
) -> tuple[Progress | Stuck, ...]:
    """Go on with every rotation under way and begin those whose age, or whose lease, asks for it."""
    settings = settings or current()
    backend = backend or configured_backend(settings)
    paths = [rotation.path for rotation in rotate.under_way(backend)]
    paths += [path for path in database_login.due(backend, clock) if path not in paths]
    paths += [
        age.path
        for age in ages(backend, settings, clock)
        if age.verdict != "fresh" and kind_of(age.path) in AUTOMATIC and age.path not in paths
    ]
    done: list[Progress | Stuck] = []
    for path in paths:
        try:
            done.append(rotate_one(path, backend=backend, settings=settings, clock=clock))
        except FleetError as error:
            done.append(Stuck(path, str(error)))
    return tuple(done)


def publish_ages(judged: Iterable[Age], settings: Settings | None = None, clock: Clock = SYSTEM) -> None:
    """Leave in the store how old each secret is, for metrics and alerts: they must not need the backend."""
    key = keys.secret_ages((settings or current()).cell)
    written: Mapping[Any, float] = {age.path: clock.now() - age.age.total_seconds() for age in judged}
    with available(), connect().pipeline(transaction=True) as both:
        both.delete(key)
        if written:
            both.hset(key, mapping=written)
        both.execute()


def audited_write(backend: SecretBackend, path: str, fields: dict[str, SecretStr]) -> int:
    """Add or change fields of a secret, on record; concurrent changes of other fields are not lost."""
    versions = backend.versions(path)
    newest = versions[-1] if versions else None
    kept = dict(backend.read(path).fields) if newest and newest.readable else {}
    audit.record("secret.write", path, detail={"fields": ", ".join(sorted(fields)), "backend": backend.name})
    return backend.write(path, {**kept, **fields}, expected_version=newest.number if newest else 0)
