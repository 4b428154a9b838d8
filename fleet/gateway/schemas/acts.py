"""How does an operator act, and what is answered?"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from fleet.gateway.schemas.words import Asked, Given, PoolName


class PauseRequest(Asked):
    """Release nothing more to a pool or of a task type."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "code_generator", "why": "provider outage"}]})
    name: PoolName
    """A pool or a task type."""
    why: str = Field(min_length=1, max_length=500)


class PauseGiven(Given):
    name: str
    cells: list[str]
    """Where it took hold."""


class PausesGiven(Given):
    paused: list[dict[str, str]]
    """Name, why and cell of each."""


class ScaleUpRequest(Asked):
    """Hold more replicas in pools for a time."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"pool": "coders", "replicas": 2, "minutes": 30, "why": "launch at noon"}]}
    )
    pool: PoolName
    replicas: int = Field(1, ge=1, le=100)
    """Replicas to add."""
    minutes: float = Field(30, ge=0.1, le=1440, allow_inf_nan=False)
    why: str = Field(min_length=1, max_length=500)


class EmergencyRequest(Asked):
    """Throttle admission of ordinary tasks for a time."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"admitted_share": 0.25, "minutes": 15, "why": "provider outage"}]}
    )
    admitted_share: float = Field(0.25, ge=0.05, le=1, allow_inf_nan=False)
    minutes: float = Field(15, ge=0.1, le=240, allow_inf_nan=False)
    why: str = Field(min_length=1, max_length=500)


class ActRequest(Asked):
    """Something an operator does at once to an incident or a worker."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"verb": "drain", "target": "coders.1@host", "why": "new kernel"}]}
    )
    verb: Literal["acknowledge", "drain", "undrain"]
    target: str = Field(min_length=1, max_length=300, pattern=r"^[\x20-\x7e]+$")
    """An incident to acknowledge; a worker to drain or undrain."""
    why: str = Field("", max_length=500)


class ActGiven(Given):
    """What was done."""

    is_done: bool
    said: str


class ActionGiven(Given):
    """An action that was asked for."""

    id: str
    in_force: bool
    reason: str


class ActionsGiven(Given):
    actions: list[dict[str, Any]]


class UndoneGiven(Given):
    id: str
    results: list[dict[str, Any]]
