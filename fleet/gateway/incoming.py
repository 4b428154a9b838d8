"""What did a client send? Headers, query and body, checked before anybody acts on them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from fleet.gateway import problems
from fleet.gateway.exchange import JSON
from fleet.gateway.problems import Complaint, Problem
from fleet.gateway.schemas import Id

_id = TypeAdapter[str](Id)


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers by lower-case name; of one that came twice, the first."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}


def source_of(scope: Scope) -> str:
    """Return the address somebody asks from."""
    return str(scope["client"][0]) if scope.get("client") else "unknown"


def query_of(scope: Scope, model: type[BaseModel], unasked: BaseModel | None) -> BaseModel:
    """Return the query as the model; `unasked` is that of a request that has none, where a query may be left away."""
    text: bytes = scope["query_string"]
    if not text and unasked is not None:
        return unasked
    return fitted(model, dict(parse_qsl(text.decode("latin-1"), keep_blank_values=True)), "/query")


async def body_of(headers: dict[str, str], receive: Receive, limit: int) -> bytes:
    """Return the body; one beyond the limit is not read to its end."""
    declared = headers.get("content-length", "0")
    too_large = f"a request may have {limit} bytes at most"
    if not declared.isdecimal() or int(declared) > limit:
        raise Problem(413, "too-large", too_large)
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise Problem(413, "too-large", too_large)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def document_of(headers: dict[str, str], raw: bytes) -> Any:
    """Return what the body says, which must be JSON and say so."""
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != JSON:
        raise Problem(415, "not-json", "send the body as application/json")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Problem(400, "malformed", f"the body is not JSON: {error.msg} at {error.pos}") from None


def fitted(model: type[BaseModel], given: Any, where: str = "") -> BaseModel:
    """Return what was given as the model; otherwise what does not fit is named by its place."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise problems.invalid(error, where) from None


def named(name: str, given: str) -> str:
    """Return a name from the path, if it can be one."""
    try:
        return _id.validate_python(given)
    except ValidationError:
        complaint = Complaint(f"/path/{name}", "letters, digits and `_.:@-`, at most 128")
        raise Problem(422, "invalid-request", f"{name} is not valid", [complaint]) from None
