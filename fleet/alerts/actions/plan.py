"""What would an action change?

Values only: a request (what, why, for whom), the part of the fleet an action may look at, and a plan whose effects name
key, field and value. A plan is what a dry run shows; nothing else is ever written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fleet.alerts.rules import ActionCall


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody (a rule, or an operator) asks for an action; the same `id` is taken once."""

    id: str
    call: ActionCall
    why: str
    by: str
    at: float
    subjects: tuple[Mapping[str, str], ...] = ()
    """Labels of the incidents, or of what an operator named; empty: the whole fleet."""

    @property
    def until(self) -> float:
        return self.at + self.call.lasts

    def values(self, label: str) -> tuple[str, ...]:
        """Return what the subjects say about a label, each once."""
        return tuple(sorted({subject[label] for subject in self.subjects if label in subject}))

    def to_json(self) -> str:
        return json.dumps({**asdict(self), "call": self.call.model_dump()}, default=dict, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Request:
        data: dict[str, Any] = json.loads(text)
        call = ActionCall.model_validate(data.pop("call"))
        return cls(**{**data, "call": call, "subjects": tuple(data["subjects"])})


def request_id(rule: str, episode_ids: str) -> str:
    """Return the id of what a rule asks for: the same transition always asks for the same action."""
    return hashlib.sha256(f"{rule}|{episode_ids}".encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class PoolView:
    """What an action may know about a pool."""

    name: str
    agent_type: str
    task_types: tuple[str, ...]
    minimum: int
    maximum: int
    ready: int
    target: int | None
    floor: int = 0
    """A floor an earlier action holds; 0: none."""


@dataclass(frozen=True, slots=True)
class View:
    """What an action may know about the fleet."""

    now: float
    pools: tuple[PoolView, ...] = ()
    limits: Mapping[str, str] = field(default_factory=dict)
    """scope -> 'requests tokens micro-dollars' an hour, as the rate limits read it."""
    emergency: Mapping[str, str] = field(default_factory=dict)

    def pools_of(self, request: Request) -> tuple[PoolView, ...]:
        """Return the pools the request is about: named ones, those of its agent or task types, else all."""
        names, agents, tasks = request.values("pool"), request.values("agent_type"), request.values("task_type")
        if not (names or agents or tasks):
            return self.pools
        return tuple(
            pool
            for pool in self.pools
            if pool.name in names or pool.agent_type in agents or any(task in pool.task_types for task in tasks)
        )


@dataclass(frozen=True, slots=True)
class Effect:
    """One field of one hash gets one value; None removes it."""

    key: str
    field: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen; `refused` says why nothing would."""

    summary: str
    effects: tuple[Effect, ...] = ()
    refused: str = ""
    most_active: int = 3
    """Blast radius: no more than this many of the same action at a time."""
    expiring_key: str = ""
    """A key that must vanish by itself at the action's end, whoever is alive then."""
    until: float = 0.0
    """When it ends, where the action has a shorter leash than was asked for; 0: as asked."""
    collects: bool = False
    """Whether a bundle is collected."""
