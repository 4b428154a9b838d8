"""Which words and which manners do all requests and answers share? Requests are closed: an unknown field is a typo, not a wish."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:@-]{1,128}$")]
"""Of a task, an action or a pool, whose versions are `pool@version`."""
Tenant = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
TypeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
PoolName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}(@[a-z0-9._-]{1,32})?$")]
IdempotencyKey = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]
YEAR = 366 * 86_400.0
MOST_IN_BULK = 1000


class Asked(BaseModel):
    """A request: closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Given(BaseModel):
    """An answer: may grow fields."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)
