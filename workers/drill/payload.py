"""What may a task of the drill ask for?"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Drill(BaseModel):
    """One paid call; `leak` says where the agent's canary is put by mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: str
    leak: Literal["nowhere", "log", "result", "error"] = "nowhere"
