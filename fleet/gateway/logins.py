"""What is noted of logins, and how many refused ones may one source cause before it only hears `429`?

A valid credential always works: somebody else's failures behind the same address must not lock an honest caller out.
What the limit spares is the audit log, which notes each refusal up to the limit and then once that it was reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from fleet.gateway.identity import Identity
from fleet.gateway.problems import Problem, unauthenticated
from fleet.secrets import audit
from fleet.store import keys
from fleet.store.client import Client, available

FAILURES = 10
WINDOW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Window:
    """Refusals of a source in its present window."""

    failures: int
    ends_in: float


def accept(client: Client, cell: str, source: str, identity: Identity) -> None:
    """Record that somebody came in who was not seen for a while."""
    detail = {"how": identity.how, "tenant": identity.tenant, "role": identity.role.value}
    audit.record(
        "login.accepted", "gateway", actor=identity.name, source=source, detail=detail, client=client, cell=cell
    )


def refuse(client: Client, cell: str, source: str, reason: str) -> Problem:
    """Count and record a refused login; return what its sender hears."""
    window = _count(client, cell, source)
    if window.failures <= FAILURES:
        audit.record(
            "login.refused",
            "gateway",
            actor="unknown",
            source=source,
            outcome="denied",
            detail={"reason": reason},
            client=client,
            cell=cell,
        )
        return unauthenticated(reason)
    if window.failures == FAILURES + 1:
        audit.record(
            "login.limited", "gateway", actor="unknown", source=source, outcome="denied", client=client, cell=cell
        )
    detail = f"more than {FAILURES} refused logins from here within {WINDOW_SECONDS} s"
    return Problem(429, "too-many-refused-logins", detail, retry_after=window.ends_in)


def _count(client: Client, cell: str, source: str) -> Window:
    key = keys.login_failures(cell, source)
    with available(), client.pipeline(transaction=True) as pipeline:
        pipeline.set(key, 0, ex=WINDOW_SECONDS, nx=True)
        pipeline.incr(key)
        pipeline.ttl(key)
        _, failures, ends_in = cast(tuple[object, int, int], tuple(pipeline.execute()))
    return Window(failures, max(float(ends_in), 1.0))
