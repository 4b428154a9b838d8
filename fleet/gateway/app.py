"""How does a request travel from the socket to a handler and back?

credential -> role -> size -> media type -> models -> handler -> answer: nothing is read from somebody who may not
send it. What may wait for the store happens in one thread hop; handlers that wait long stay on the event loop.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import cast

import orjson
from anyio import create_task_group
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from fleet.errors import FleetError
from fleet.gateway import incoming, openapi
from fleet.gateway.counting import Counting
from fleet.gateway.door import Door
from fleet.gateway.exchange import Answer, Call
from fleet.gateway.identity import Identity, Refused
from fleet.gateway.logins import accept, refuse
from fleet.gateway.outgoing import content_of, give, refused
from fleet.gateway.problems import Problem
from fleet.gateway.revocations import Revocations
from fleet.gateway.routes import ROUTES, Route
from fleet.gateway.table import Table
from fleet.gateway.threads import aside
from fleet.gateway.trips import Trips
from fleet.secrets.roles import Role
from fleet.settings import Settings, current
from fleet.store.client import connect
from fleet.telemetry import logs
from fleet.telemetry.events import Event

NOBODY = Identity("nobody", "", Role.VIEWER, "no credential")
IMPORTED_BY_HANDLERS = (
    "fleet.alerts.actions.register",
    "fleet.alerts.scrape",
    "fleet.alerts.view",
    "fleet.app",
    "fleet.costs.budget_store",
    "fleet.diagnostics.glance",
    "fleet.dispatcher.cells.routing",
    "fleet.dispatcher.explanation",
    "fleet.dispatcher.submit",
    "fleet.scaling.published",
    "fleet.scaling.target_store",
)
"""The table of routes stays cheap to read for whoever only prints it; a server has the rest before its first request."""


class Gateway:
    """The routes' common way in and out."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.cell = settings, settings.cell
        self.client = connect(settings=settings)
        self.door = Door(self.client, self.cell, settings.gateway)
        self.counting = Counting(self.client, self.cell)
        self.trips = Trips()

    def endpoint(self, route: Route) -> ASGIApp:
        """Return what answers the requests of a row."""
        is_async, unasked = inspect.iscoroutinefunction(route.handler), _unasked(route.query)

        async def handled(scope: Scope, receive: Receive) -> Answer:
            headers = incoming.headers_of(scope)
            identity = await self._let_in(route.role, headers, scope)
            limit = self.settings.gateway.max_request_bytes
            raw = await incoming.body_of(headers, receive, limit) if route.body else b""
            path = {name: incoming.named(name, value) for name, value in scope["path_params"].items()}
            query = incoming.query_of(scope, route.query, unasked) if route.query else None
            body = incoming.fitted(route.body, incoming.document_of(headers, raw)) if route.body else None
            call = Call(self.client, self.cell, self.trips, identity, path, query, body, headers)
            if is_async:
                return await cast(Awaitable[Answer], route.handler(call))
            return await aside(cast(Callable[[Call], Answer], route.handler), call)

        async def answered(scope: Scope, receive: Receive, send: Send) -> None:
            began = time.perf_counter()
            try:
                answer = await handled(scope, receive)
                content = content_of(answer)
            except ClientDisconnect:
                answer, content = Answer(status=400), b""
            except Exception as error:
                if not isinstance(error, Problem | FleetError):
                    logs.get("gateway").exception(Event.REQUEST_ANSWERED, route=route.path, status=500)
                    error = Problem(500, "internal", "the gateway failed; its log says why")
                answer = refused(scope["path"], error)
                content = content_of(answer)
            self.counting.answered(route.path, route.method, answer.status, time.perf_counter() - began)
            await give(answer, content, scope, receive, send)

        return answered

    async def _let_in(self, role: Role | None, headers: dict[str, str], scope: Scope) -> Identity:
        if role is None:
            return NOBODY
        identity = self.door.recall(headers)
        if identity is None:
            identity = await aside(self._identify, headers, incoming.source_of(scope))
        if not identity.role.covers(role):
            raise Problem(403, "role-too-small", f"this needs the role {role}, the credential has {identity.role}")
        return identity

    def _identify(self, headers: dict[str, str], source: str) -> Identity:
        found = self.door.identify(headers)
        if isinstance(found, Refused):
            raise refuse(self.client, self.cell, source, found.reason)
        if self.door.is_news(found):
            accept(self.client, self.cell, source, found)
        return found


def create(settings: Settings | None = None) -> Router:
    """Return the application that serves the table of routes."""
    for name in IMPORTED_BY_HANDLERS:
        import_module(name)
    gateway = Gateway(settings or current())

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        revocations = Revocations(gateway.client, gateway.cell, gateway.door)
        revocations.start()
        async with create_task_group() as background:
            background.start_soon(gateway.counting.keep_flushing)
            yield
            background.cancel_scope.cancel()
        await aside(revocations.stop)
        await gateway.counting.flush()
        gateway.door.close()

    description = orjson.dumps(openapi.document())

    async def describe(scope: Scope, receive: Receive, send: Send) -> None:
        await give(Answer(), description, scope, receive, send)

    table = Table(_missing)
    for route in ROUTES:
        table.add(route.method, route.path, gateway.endpoint(route))
    table.add("GET", openapi.PATH, describe)
    return Router([table], redirect_slashes=False, lifespan=lifespan)


def _unasked(model: type[BaseModel] | None) -> BaseModel | None:
    """Return the query of a request that has none, made once; None where a query must be given."""
    try:
        return model() if model is not None else None
    except ValidationError:
        return None


def _missing(methods: tuple[str, ...]) -> ASGIApp:
    problem = (
        Problem(405, "wrong-method", "this route does not know the method", headers={"allow": ", ".join(methods)})
        if methods
        else Problem(404, "no-route", "there is no such route")
    )

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        answer = refused(scope["path"], problem)
        await give(answer, content_of(answer), scope, receive, send)

    return answer
