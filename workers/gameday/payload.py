"""What may a game-day task ask for?"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class GameDay(BaseModel):
    """Work for so many seconds, and note start and end in a log that outlives any broker."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float = Field(ge=0, le=60)
    log: str
