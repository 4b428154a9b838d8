"""How does the gateway say no? With RFC 9457 problem details, one type per kind of no, and never a traceback."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from pydantic import ValidationError

from fleet.errors import ConfigurationError, Conflict, FleetError, InvalidPayload, NotFound, ReadOnly, StoreUnavailable

MEDIA = "application/problem+json"
RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Complaint:
    """One wrong place in a request, as a JSON pointer; the value itself is never repeated."""

    pointer: str
    detail: str


@dataclass(eq=False)
class Problem(Exception):  # RFC 9457's own word
    """A refusal with everything a client needs to act on it."""

    status: int
    kind: str
    detail: str
    errors: Sequence[Complaint] = ()
    retry_after: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, instance: str) -> dict[str, object]:
        document: dict[str, object] = {
            "type": f"urn:agent-fleet:problem:{self.kind}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
        }
        if self.errors:
            document["errors"] = [{"pointer": error.pointer, "detail": error.detail} for error in self.errors]
        return document

    def all_headers(self) -> dict[str, str]:
        retry = {} if self.retry_after is None else {"retry-after": str(max(1, math.ceil(self.retry_after)))}
        return {**self.headers, **retry}


def unauthenticated(reason: str) -> Problem:
    return Problem(401, "unauthenticated", reason, headers={"www-authenticate": 'Bearer realm="agent-fleet"'})


def invalid(error: ValidationError, where: str = "") -> Problem:
    """Return what a model complains about, without the values it saw."""
    complaints = [
        Complaint(f"{where}/{'/'.join(str(part) for part in item['loc'])}", item["msg"])
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    ]
    return Problem(422, "invalid-request", f"{len(complaints)} fields are not valid", complaints)


def of(error: FleetError) -> Problem:
    """Return how an error of the fleet looks from outside."""
    match error:
        case InvalidPayload():
            return Problem(422, "invalid-payload", str(error), [Complaint("/payload", text) for text in error.problems])
        case NotFound():
            return Problem(404, "not-found", str(error))
        case ReadOnly():
            return Problem(409, "read-only", str(error))
        case Conflict():
            return Problem(409, "conflict", str(error))
        case StoreUnavailable():
            return Problem(503, "store-unavailable", "the fleet's store does not answer", retry_after=RETRY_SECONDS)
        case ConfigurationError():
            return Problem(422, "invalid-request", str(error))
        case _:
            return Problem(500, "internal", "the fleet could not do this; its log says why")
