"""Which Celery task generates code?"""

from __future__ import annotations

from typing import Any

from workers.base import agent_task
from workers.code_generator.generate import Sandbox, generate
from workers.code_generator.payload import CodeGeneration
from workers.run import Run


@agent_task("code_generation", payload=CodeGeneration)
def code_generation(payload: CodeGeneration, run: Run) -> dict[str, Any]:
    """Generate code and execute it against the payload's checks before it counts."""
    answer = generate(payload, run, sandbox=Sandbox(required=run.settings.agents.sandbox_minimum))
    if payload.checks:
        run.judged(bool(answer["verified"]))
    return answer
