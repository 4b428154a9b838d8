"""How does a request travel from the socket to a handler and back?

credential -> role -> size -> media type -> models -> handler -> answer: nothing is read from somebody who may not
send it. What may wait for the store happens in one thread hop; handlers that wait long stay on the event loop.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import orjson
from anyio import create_task_group
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route as Path

from fleet.errors import FleetError
from fleet.gateway import openapi, problems
from fleet.gateway.counting import Counting
from fleet.gateway.door import Door
from fleet.gateway.exchange import Answer, Call, dump
from fleet.gateway.identity import Identity, Refused
from fleet.gateway.logins import accept, refuse
from fleet.gateway.problems import Complaint, Problem
from fleet.gateway.revocations import Revocations
from fleet.gateway.routes import ROUTES, Route
from fleet.gateway.schemas import Id
from fleet.gateway.threads import aside
from fleet.gateway.trips import Trips
from fleet.secrets.roles import Role
from fleet.settings import Settings, current
from fleet.store.client import connect
from fleet.telemetry import logs
from fleet.telemetry.events import Event

NOBODY = Identity("nobody", "", Role.VIEWER, "no credential")
EVERY_ANSWER = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
_id = TypeAdapter[str](Id)


class Gateway:
    """The routes' common way in and out."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.cell = settings, settings.cell
        self.client = connect(settings=settings)
        self.door = Door(self.client, self.cell, settings.gateway)
        self.counting = Counting(self.client, self.cell)
        self.trips = Trips()

    def endpoint(self, route: Route) -> Callable[[Request], Awaitable[Response]]:
        """Return the ASGI endpoint of a row."""

        async def answer(request: Request) -> Response:
            began = time.perf_counter()
            try:
                identity = await self._let_in(route, request)
                raw = await self._read(request) if route.body else b""
                call = self._call(route, request, identity, raw)
                if inspect.iscoroutinefunction(route.handler):
                    handled = await cast(Awaitable[Answer], route.handler(call))
                else:
                    handled = await aside(cast(Callable[[Call], Answer], route.handler), call)
                response = _response(handled)
            except (Problem, FleetError) as error:
                response = _refusal(request, error)
            except ClientDisconnect:
                response = Response(status_code=400)
            except Exception:
                logs.get("gateway").exception(Event.REQUEST_ANSWERED, route=route.path, status=500)
                response = _refusal(request, Problem(500, "internal", "the gateway failed; its log says why"))
            self.counting.answered(route.path, route.method, response.status_code, time.perf_counter() - began)
            return response

        return answer

    async def _let_in(self, route: Route, request: Request) -> Identity:
        if route.role is None:
            return NOBODY
        identity = self.door.recall(request.headers)
        if identity is None:
            identity = await aside(self._identify, request)
        if not identity.role.covers(route.role):
            raise Problem(
                403, "role-too-small", f"this needs the role {route.role}, the credential has {identity.role}"
            )
        return identity

    def _identify(self, request: Request) -> Identity:
        found = self.door.identify(request.headers)
        source = request.client.host if request.client else "unknown"
        if isinstance(found, Refused):
            raise refuse(self.client, self.cell, source, found.reason)
        if self.door.is_news(found):
            accept(self.client, self.cell, source, found)
        return found

    def _call(self, route: Route, request: Request, identity: Identity, raw: bytes) -> Call:
        path = {name: _valid_id(name, str(value)) for name, value in request.path_params.items()}
        query = _model(route.query, _query(request), "/query") if route.query else None
        body = _model(route.body, _parsed(request, raw), "") if route.body else None
        return Call(self.client, self.cell, self.trips, identity, path, query, body, request.headers)

    async def _read(self, request: Request) -> bytes:
        limit = self.settings.gateway.max_request_bytes
        declared = request.headers.get("content-length", "0")
        too_large = Problem(413, "too-large", f"a request may have {limit} bytes at most")
        if not declared.isdecimal() or int(declared) > limit:
            raise too_large
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise too_large
            parts.append(part)
        return b"".join(parts)


def create(settings: Settings | None = None) -> Starlette:
    """Return the application that serves the table of routes."""
    gateway = Gateway(settings or current())

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        revocations = Revocations(gateway.client, gateway.cell, gateway.door)
        revocations.start()
        async with create_task_group() as background:
            background.start_soon(gateway.counting.keep_flushing)
            yield
            background.cancel_scope.cancel()
        await aside(revocations.stop)
        await aside(gateway.counting.flush)
        gateway.door.close()

    document = orjson.dumps(openapi.document())

    async def describe(_request: Request) -> Response:
        return Response(document, headers=EVERY_ANSWER, media_type="application/json")

    paths = [Path(route.path, gateway.endpoint(route), methods=[route.method], name=route.name) for route in ROUTES]
    return Starlette(
        routes=[*paths, Path(openapi.PATH, describe, methods=["GET"])],
        exception_handlers={HTTPException: _not_routed},
        lifespan=lifespan,
    )


def _query(request: Request) -> dict[str, str]:
    return dict(request.query_params)


def _parsed(request: Request, raw: bytes) -> Any:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise Problem(415, "not-json", "send the body as application/json")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Problem(400, "malformed", f"the body is not JSON: {error.msg} at {error.pos}") from None


def _model(model: type[BaseModel], given: Any, where: str) -> BaseModel:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise problems.invalid(error, where) from None


def _valid_id(name: str, value: str) -> str:
    try:
        return _id.validate_python(value)
    except ValidationError:
        complaint = Complaint(f"/path/{name}", "letters, digits and `_.:-`, at most 128")
        raise Problem(422, "invalid-request", f"{name} is not valid", [complaint]) from None


def _response(answer: Answer) -> Response:
    headers = {**EVERY_ANSWER, **answer.headers}
    if answer.stream is not None:
        return StreamingResponse(answer.stream, answer.status, headers, answer.media)
    content = dump(answer.document) if answer.content is None else answer.content
    return Response(content, answer.status, headers, answer.media)


def _refusal(request: Request, error: Problem | FleetError) -> Response:
    problem = error if isinstance(error, Problem) else problems.of(error)
    if problem.status >= 500 and isinstance(error, FleetError):
        logs.get("gateway").error(Event.REQUEST_ANSWERED, status=problem.status, reason=str(error))
    headers = {**EVERY_ANSWER, **problem.all_headers()}
    return Response(dump(problem.body(request.url.path)), problem.status, headers, problems.MEDIA)


async def _not_routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = {404: "there is no such route", 405: "this route does not know the method"}.get(error.status_code, "")
    kind = {404: "no-route", 405: "wrong-method"}.get(error.status_code, "refused")
    return _refusal(
        request, Problem(error.status_code, kind, detail or error.detail, headers=dict(error.headers or {}))
    )
