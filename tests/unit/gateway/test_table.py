"""Does a request find its row, whatever else is in the table, and is what has no row refused?"""

from __future__ import annotations

import asyncio

import pytest
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from fleet.gateway.table import Table

ROWS = [("GET", "/health"), ("GET", "/tasks"), ("POST", "/tasks"), ("POST", "/tasks/bulk"), ("GET", "/tasks/{task_id}"),
        ("POST", "/tasks/{task_id}/cancel"), ("GET", "/pools/{pool}/metric")]  # fmt: skip


def named(text: object) -> ASGIApp:
    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        scope["found"] = text

    return endpoint


@pytest.fixture(scope="module")
def table() -> Table:
    made = Table(named)
    for method, path in ROWS:
        made.add(method, path, named(f"{method} {path}"))
    return made


def found(table: Table, method: str, path: str) -> tuple[object, dict[str, str]]:
    scope: Scope = {"type": "http", "method": method, "path": path}
    match, more = table.matches(scope)
    assert match is Match.FULL
    scope.update(more)
    asyncio.run(table.handle(scope, None, None))  # type: ignore[arg-type]
    return scope["found"], scope.get("path_params", {})


@pytest.mark.parametrize(
    ("method", "path", "row", "parameters"),
    [
        ("GET", "/health", "GET /health", {}),
        ("HEAD", "/health", "GET /health", {}),
        ("POST", "/tasks", "POST /tasks", {}),
        ("POST", "/tasks/bulk", "POST /tasks/bulk", {}),
        ("GET", "/tasks/4711", "GET /tasks/{task_id}", {"task_id": "4711"}),
        ("POST", "/tasks/4711/cancel", "POST /tasks/{task_id}/cancel", {"task_id": "4711"}),
        ("GET", "/pools/{}/metric", "GET /pools/{pool}/metric", {"pool": "{}"}),
    ],
)
def test_a_path_finds_its_row(table: Table, method: str, path: str, row: str, parameters: dict[str, str]) -> None:
    assert found(table, method, path) == (row, parameters)


@pytest.mark.parametrize(
    "path", ["/", "", "/tasks/", "/tasks//cancel", "/health/", "/tasks/1/cancel/2", "/{}", "health", "/pools/x"]
)
def test_what_has_no_row_is_told_apart_from_a_wrong_method(table: Table, path: str) -> None:
    missing, _ = found(table, "GET", path)
    assert missing == ()


def test_a_wrong_method_hears_which_there_are(table: Table) -> None:
    assert (found(table, "DELETE", "/tasks"))[0] == ("GET", "HEAD", "POST")


def test_only_http_is_served(table: Table) -> None:
    assert table.matches({"type": "websocket", "path": "/health"})[0] is Match.NONE
