"""Who completes prompts for a task, and at which price?

Imported when an agent asks for it: a worker that never calls a model carries neither prices nor an HTTP client.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fleet import catalogue
from fleet.costs.controls import controls
from fleet.costs.escalation import plan
from fleet.costs.ladder import AUTO, ladder
from fleet.costs.outcomes import outcomes
from fleet.costs.pricing import LOCAL_PROVIDER
from fleet.costs.stand_in import stand_in
from fleet.dispatcher.estimates import models, price_book
from fleet.store.client import connect
from fleet.telemetry import logs
from workers.escalating import Escalating
from workers.llm.choose import choose
from workers.paid import PaidProvider

if TYPE_CHECKING:
    from workers.run import Run


def provider(run: Run, model: str | None) -> PaidProvider | Escalating:
    """Return who completes prompts for this task; every call passes the budgets and the ledger.

    Model `auto` starts cheap and climbs; when a budget runs low, a cheaper model stands in.
    """
    llm = run.settings.llm
    if model != AUTO:
        return _paid(run, model or llm.model)
    kind = catalogue.current().task_types[run.task_type].estimate
    rungs = ladder(models(), price_book(), llm.provider, kind, 0.5, datetime.now(UTC))
    if not rungs:
        return _paid(run, llm.model)
    known = outcomes(connect(), run.settings.cell, run.task_type)
    share = controls(connect(), run.settings.cell).hold_out
    return Escalating(plan(run.task_id, rungs, known, hold_out=share), lambda name: _paid(run, name))


def _paid(run: Run, model: str) -> PaidProvider:
    llm = run.settings.llm
    if llm.provider != LOCAL_PROVIDER:
        standing = stand_in(connect(), run.settings.cell, run.tenant, run.task_type, model)
        if standing.changed:
            logs.get("worker").warning(
                "model_downgraded", task_id=run.task_id, wanted=model, used=standing.used, why=standing.reason,
                next_step="`fleet budget grant`, or `fleet cost controls set downgrade.<model> none`",
            )  # fmt: skip
        model = standing.used
    inner = choose(
        llm.provider,
        base_url=llm.base_url,
        api_key=lambda: llm.api_key if llm.api_key.get_secret_value() else run.secret("llm", "api_key"),
        model=model,
        timeout_seconds=llm.timeout_seconds,
    )
    return PaidProvider(inner, run.task_id, run.attempt, run.tenant, run.task_type, run.agent_type)
