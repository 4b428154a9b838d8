"""Which Celery task is worked on drills?"""

from __future__ import annotations

from typing import Any

from fleet.dispatcher.errors import PermanentFailure
from fleet.telemetry import logs, tracing
from workers.base import agent_task
from workers.drill.payload import Drill
from workers.llm.provider import CompletionRequest, Message
from workers.run import Run

MODEL = "drill-model"


@agent_task("drill", payload=Drill)
def drill(payload: Drill, run: Run) -> dict[str, Any]:
    """Ask the provider with the key that is valid now; then, if told to, be as careless with a secret as an agent can be."""
    question = CompletionRequest((Message("user", payload.question),), max_tokens=16)
    answer = run.provider(MODEL).complete(question)
    if payload.leak == "nowhere":
        return {"answer": answer.text}
    canary = run.secret("canary", "value").get_secret_value()
    run.progress(1.0, f"used {canary}")
    logs.get("worker").warning("call_used", task_id=run.task_id, note=f"careless with {canary}", model=canary)
    with tracing.span("careless", {"note": f"careless with {canary}"}):
        pass
    if payload.leak == "error":
        try:
            raise ValueError(f"cannot parse {canary}")
        except ValueError as error:
            raise PermanentFailure(f"no use for {canary!r}") from error
    return {"answer": answer.text, "note": canary if payload.leak == "result" else ""}
