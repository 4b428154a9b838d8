"""What can be declared about a fleet?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fleet.settings.groups import CellName

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
PoolName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}(@[a-z0-9._-]{1,32})?$")]
ImportPath = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*(:[A-Za-z_]\w*)?$")]

UNKNOWN_COMPATIBILITY = 0.5


class Row(BaseModel):
    """A declared thing: frozen, closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AgentType(Row):
    """A kind of worker: the code it loads and the task types that code can run."""

    name: Name
    module: ImportPath
    """Module whose import registers the agent's tasks."""
    runs: tuple[Name, ...]
    """Task types this agent type is capable of: a hard rule, beside the compatibility score."""
    publishes: tuple[Name, ...] = ()
    """Task types its workers may send while messages are signed: next steps of chains, callbacks. Others they may not."""


class TaskType(Row):
    """A kind of work: what its payload looks like and how it is to be treated. Its name is its Celery task name."""

    name: Name
    payload: ImportPath | None = None
    """pydantic model of the payload as module:Class; none: any JSON object."""
    strategy: str | None = None
    """Dispatch strategy; none: the fleet's default."""
    time_limit_seconds: float = Field(600.0, gt=0)
    """Hard limit of one attempt; the soft limit is 5 % shorter."""
    max_attempts: int | None = Field(None, ge=1, le=100)
    """Attempts before the task is dead; none: the fleet's default."""
    expected_seconds: float = Field(10.0, gt=0)
    """First guess of the mean run time, replaced by what is learned."""
    estimate: str = "general"
    """Base token estimate: code_generation, security_analysis, performance_testing, general."""
    wait_goal_seconds: float | None = Field(None, gt=0)
    """How long a task should wait at most; none: the fleet's default."""
    contract: int = Field(1, ge=1, le=10_000)
    """Version of the payload. Raise it when workers of the build before could not make sense of a new task."""
    understands: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Older contracts this build's workers still take, beside their own."""

    @property
    def contracts(self) -> tuple[int, ...]:
        """Return every contract this build's workers understand."""
        return (*sorted(set(self.understands)), self.contract)

    @model_validator(mode="after")
    def _check_contracts(self) -> TaskType:
        if odd := [contract for contract in self.understands if contract >= self.contract]:
            raise ValueError(f"understands {odd[0]}, which is not older than its contract {self.contract}")
        return self


class Pool(Row):
    """One agent type, one Celery queue, N replicas x slots. A Deployment on Kubernetes, processes on a laptop."""

    name: PoolName
    agent_type: Name
    cells: tuple[CellName, ...] = ()
    """Cells that have this pool, each with workers and a queue of its own; none: every cell."""
    queue: str = ""
    """Celery queue; empty: fleet.<name>."""
    slots: int = Field(10, ge=1, le=1000)
    """Tasks one replica runs at the same time."""
    weight: int = Field(5, ge=1, le=10)
    """Declared strength, for the strategies that believe declarations."""
    speed: float = Field(1.0, gt=0)
    """First guess of the relative speed, replaced by what is learned."""
    price_per_replica_hour_usd: float = Field(0.0, ge=0)
    """What one replica costs."""
    min_replicas: int = Field(1, ge=0, le=10_000)
    """Never fewer."""
    max_replicas: int = Field(10, ge=0, le=10_000)
    """Never more."""
    wait_goal_seconds: float | None = Field(None, gt=0)
    """How long a task may wait before the goal is missed; none: the fleet's default."""
    grace_seconds: float = Field(600.0, gt=0)
    """How long a replica told to stop may finish its tasks."""
    process: Annotated[str, Field(pattern="^(prefork|threads|solo)$")] = "prefork"
    """Celery's worker pool implementation."""
    image: str | None = None
    """Container image on Kubernetes; none: the chart's default."""

    @model_validator(mode="before")
    @classmethod
    def _derive_queue(cls, row: Any) -> Any:
        if isinstance(row, dict) and not row.get("queue"):
            return {**row, "queue": f"fleet.{row.get('name', '')}"}
        return row

    @model_validator(mode="after")
    def _check_replicas(self) -> Pool:
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"min_replicas {self.min_replicas} is more than max_replicas {self.max_replicas}")
        return self

    @property
    def price_per_slot_hour_usd(self) -> float:
        return self.price_per_replica_hour_usd / self.slots


class Catalogue(Row):
    """Everything declared, cross-checked."""

    agent_types: Mapping[str, AgentType]
    task_types: Mapping[str, TaskType]
    pools: Mapping[str, Pool]
    compatibility: Mapping[str, Mapping[str, float]]
    """task type -> agent type -> score 0..1; a missing pair scores 0.5."""
    sections: Mapping[str, Any] = {}
    """Sections other packages own (budgets, prices, alerts), as plain data with positions checked by their owners."""

    def pool(self, name: str) -> Pool | None:
        """Return a declared pool, or a version of one: `pool@version` is its pool with a queue of its own."""
        if name in self.pools:
            return self.pools[name]
        stable, at, version = name.partition("@")
        if not (at and version and stable in self.pools):
            return None
        return self.pools[stable].model_copy(update={"name": name, "queue": f"fleet.{name}"})

    def within(self, cell: str) -> Catalogue:
        """Return what is declared for one cell: everything but pools of other cells."""
        pools = {name: pool for name, pool in self.pools.items() if not pool.cells or cell in pool.cells}
        return self if len(pools) == len(self.pools) else self.model_copy(update={"pools": pools})

    def capable_pools(self, task_type: str) -> tuple[Pool, ...]:
        """Return the pools whose agent type runs the task type."""
        return tuple(pool for pool in self.pools.values() if task_type in self.agent_types[pool.agent_type].runs)

    def compatibility_of(self, task_type: str, agent_type: str) -> float:
        return self.compatibility.get(task_type, {}).get(agent_type, UNKNOWN_COMPATIBILITY)
