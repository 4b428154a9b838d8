"""Are the Kubernetes copies of agents' secrets still what the backend holds? Asked by the `secrets` job, mended on the spot."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fleet.errors import FleetError
from fleet.secrets import audit
from fleet.secrets.backend import SecretBackend
from fleet.secrets.mirror import Mirror, Mirrored, Owner


@dataclass(frozen=True, slots=True)
class NotMirrored:
    """A copy that could not be looked at or mended, and why; the next run tries again."""

    agent_type: str
    reason: str


def keep(
    mirrored: Iterable[str], backend: SecretBackend, mirror: Mirror, owner_of: Callable[[str], Owner]
) -> tuple[Mirrored | NotMirrored, ...]:
    """Make each copy (`agent_type=Deployment`) what the backend holds; one that fails does not keep the others from it."""
    done: list[Mirrored | NotMirrored] = []
    for row in mirrored:
        agent_type, _, deployment = row.partition("=")
        try:
            found = mirror.sync(backend, agent_type, owner_of(deployment))
        except FleetError as error:
            done.append(NotMirrored(agent_type, str(error)))
            continue
        if found.did != "unchanged":
            audit.record("secret.mirror", found.name, detail={"did": found.did, "drift": ", ".join(found.drift)})
        done.append(found)
    return tuple(done)
