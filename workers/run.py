"""What may an agent ask for while it runs?

Progress, paid calls (allowed before, recorded after), a provider, secrets when they are needed, and the fleet's limits.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from fleet import catalogue
from fleet.dispatcher.outcome import attempt_of
from fleet.settings import Settings, current
from fleet.store import keys
from fleet.store.client import available, connect
from fleet.telemetry import logs
from fleet.telemetry.redaction import without_hidden

if TYPE_CHECKING:
    from workers.escalating import Escalating
    from workers.llm.provider import Completion
    from workers.paid import PaidProvider

PROGRESS_GAP_SECONDS = 0.2


@dataclass(slots=True)
class Run:
    """One attempt of one task, as its agent sees it."""

    task_id: str
    task_type: str
    attempt: int
    tenant: str
    pool: str
    agent_type: str
    previous: Any = None
    """Result of the step before, when the task is part of a chain."""
    settings: Settings = field(default_factory=current)
    calls: int = 0
    told: float = 0.0
    climbing: Escalating | None = None

    @classmethod
    def of(cls, task: Any, previous: tuple[Any, ...] = ()) -> Run:
        """Read the attempt from the Celery task being run."""
        request = task.request
        pool = (request.delivery_info or {}).get("routing_key") or os.environ.get("FLEET_POOL", "")
        declared = catalogue.current()
        named = next((row for row in declared.pools.values() if row.queue == pool), None)
        if named is None and (version := declared.pool(os.environ.get("FLEET_POOL", ""))) and version.queue == pool:
            named = version
        return cls(
            str(request.id), task.name, attempt_of(request) or 1, getattr(request, "fleet_tenant", "default"),
            named.name if named else pool, named.agent_type if named else "", previous[0] if previous else None,
        )  # fmt: skip

    @property
    def allowed_roots(self) -> tuple[Path, ...]:
        return self.settings.agents.allowed_roots

    @property
    def allowed_targets(self) -> tuple[str, ...]:
        return self.settings.agents.allowed_targets

    def progress(self, fraction: float, message: str) -> None:
        """Tell how far the task is; at most five times a second, and losing one is no harm."""
        if fraction < 1 and time.monotonic() - self.told < PROGRESS_GAP_SECONDS:
            return
        self.told = time.monotonic()
        told = json.dumps({"fraction": round(max(0.0, min(1.0, fraction)), 3), "message": without_hidden(message)[:200]})
        with available():
            connect().hset(keys.task(self.settings.cell, self.task_id), "progress", told)

    def provider(self, model: str | None) -> PaidProvider | Escalating:
        """Return who completes prompts for this task (see `workers.completing`)."""
        from workers import completing
        from workers.escalating import Escalating

        chosen = completing.provider(self, model)
        self.climbing = chosen if isinstance(chosen, Escalating) else None
        return chosen

    def judged(self, passed: bool) -> None:
        """Tell whether the answer passed its checks, so that the next task knows where to start."""
        if self.climbing is not None:
            self.climbing.judged(connect(), self.settings.cell, self.task_type, passed=passed)

    def secret(self, name: str, field: str) -> SecretStr:
        """Return a field of one of this agent type's own secrets, as it is now: never keep it."""
        from fleet.secrets import configured
        from fleet.secrets.backend import agent_path

        return configured.value(agent_path(self.agent_type, name), field)

    def record_call(self, completion: Completion, *, purpose: str) -> None:
        """Count a call the provider has already recorded."""
        self.calls += 1
        logs.get("worker").debug("call_used", task_id=self.task_id, purpose=purpose, model=completion.model)
