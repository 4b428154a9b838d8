"""What does the door itself say: is it well, who are you, what went wrong?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fleet.gateway.schemas.words import Given


class HealthGiven(Given):
    status: Literal["alive"]


class ReadyGiven(Given):
    status: Literal["ready"]


class IdentityGiven(Given):
    """Who the gateway takes you for."""

    name: str
    tenant: str
    role: Literal["viewer", "producer", "operator", "admin"]
    how: str


class ProblemGiven(Given):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[dict[str, str]] = Field(default_factory=list)
