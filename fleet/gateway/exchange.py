"""What does a handler get, and what does it give back?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import orjson
from pydantic import BaseModel, SecretBytes, SecretStr

from fleet.gateway.identity import Identity
from fleet.gateway.trips import Trips
from fleet.store.client import Client

Model = TypeVar("Model", bound=BaseModel)
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was let in and whose parts fit their models."""

    client: Client
    cell: str
    trips: Trips
    identity: Identity
    path: Mapping[str, str]
    query: BaseModel | None
    body: BaseModel | None
    headers: Mapping[str, str] = field(repr=False)

    def asked(self, model: type[Model]) -> Model:
        """Return the query as the model the route names."""
        assert isinstance(self.query, model)
        return self.query

    def sent(self, model: type[Model]) -> Model:
        """Return the body as the model the route names."""
        assert isinstance(self.body, model)
        return self.body


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a document, bytes of some medium, or a stream of them."""

    document: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    stream: AsyncIterator[bytes] | None = None
    media: str = JSON


Handler = Callable[[Call], Answer] | Callable[[Call], Coroutine[Any, Any, Answer]]


def dump(document: object) -> bytes:
    """Return a document as JSON; dataclasses, models, enums and times included."""
    return orjson.dumps(document, default=_plain, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z)


def _plain(value: object) -> object:
    match value:
        case BaseModel():
            return value.model_dump(mode="json")
        case SecretStr() | SecretBytes():
            return "**********"
        case Mapping():
            return dict(value)
        case set() | frozenset():
            return sorted(cast(set[str], value))
        case _:
            return str(value)
