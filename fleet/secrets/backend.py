"""What must a place that keeps secrets be able to do?

A secret is a few named fields under a path (`agents/code_generator/llm`); every write makes a new version. Values are
`SecretStr`, so that a repr, a log line or a traceback shows stars.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pydantic import SecretStr

from fleet.errors import ConfigurationError
from fleet.secrets.errors import SecretMissing

PATH = re.compile(r"[a-z0-9][a-z0-9_.-]*(/[a-z0-9][a-z0-9_.-]*)*")


@dataclass(frozen=True, slots=True)
class Lease:
    """A credential the backend made for us and will take back."""

    id: str
    duration_seconds: float
    renewable: bool


@dataclass(frozen=True, slots=True)
class Secret:
    """One version of one secret."""

    path: str
    version: int
    fields: Mapping[str, SecretStr]
    created_at: datetime
    lease: Lease | None = None

    def field(self, name: str) -> SecretStr:
        """Return one field; a name that is not there is an error that lists the ones that are."""
        if name not in self.fields:
            raise SecretMissing(self.path, f" with field {name!r} (it has: {', '.join(sorted(self.fields)) or 'none'})")
        return self.fields[name]


@dataclass(frozen=True, slots=True)
class Version:
    """What is known of a version without reading it."""

    number: int
    created_at: datetime
    readable: bool = field(default=True)


class SecretBackend(Protocol):
    """Versioned storage of secrets; thread-safe."""

    @property
    def name(self) -> str:
        """Return the word the audit trail uses for this backend."""
        ...

    def read(self, path: str, version: int | None = None) -> Secret:
        """Return a version (the newest by default) or raise `SecretMissing`."""
        ...

    def write(self, path: str, fields: Mapping[str, SecretStr], *, expected_version: int | None = None) -> int:
        """Store a new version and return its number.

        With `expected_version` the newest version must carry that number (0: there is none), else `SecretConflict`.
        """
        ...

    def versions(self, path: str) -> tuple[Version, ...]:
        """Return every version ever written, oldest first; empty when the path was never written."""
        ...

    def paths(self, prefix: str = "") -> tuple[str, ...]:
        """Return every path at or under a folder, sorted."""
        ...

    def destroy(self, path: str, version: int) -> None:
        """Remove one version's data for good; its number stays taken."""
        ...

    def delete(self, path: str) -> None:
        """Remove a secret with all its versions; nothing happens when there is none."""
        ...


class LeasedBackend(Protocol):
    """A backend that also makes short-lived credentials (paths under `dynamic/`)."""

    def renew(self, secret: Secret) -> Secret:
        """Return the same credential with a longer lease, or raise when it cannot be renewed."""
        ...

    def revoke(self, lease_id: str) -> None:
        """Give a lease back: its credential is worthless from now on; nothing happens when it has ended."""
        ...


def checked(path: str) -> str:
    """Return the path when it is one: lower case, segments divided by `/`, nothing that climbs."""
    if not PATH.fullmatch(path):
        raise ConfigurationError(
            f"secret path {path!r} is not valid: use lower-case letters, digits, `_.-` in segments divided by `/`"
        )
    return path


def agent_path(agent_type: str, name: str) -> str:
    """Return the path of an agent type's own secret."""
    return checked(f"agents/{agent_type}/{name}")
