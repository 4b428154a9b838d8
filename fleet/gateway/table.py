"""Which row of the table of routes is this request for?

One Starlette route for all rows: paths are looked up segment by segment in a tree, so that the last row is found as fast as
the first, and what is not there is refused in the API's own shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

PARAMETER = "{}"
"""A segment that may be any text; no real one has braces unescaped beside it in this table."""


@dataclass(slots=True)
class _Node:
    below: dict[str, _Node] = field(default_factory=dict)
    name: str = ""
    """Of the parameter that `below[PARAMETER]` takes."""
    methods: dict[str, ASGIApp] = field(default_factory=dict)


class Table(BaseRoute):
    """Rows by path and method. `missing` makes the answer to a path that has no row, or a method (`Allow`) it lacks."""

    def __init__(self, missing: Callable[[tuple[str, ...]], ASGIApp]) -> None:
        self._root = _Node()
        self._missing = missing
        self.rows: list[tuple[str, str]] = []
        """Method and path of every row."""

    def add(self, method: str, path: str, endpoint: ASGIApp) -> None:
        """Serve a row; a path's `{name}` takes one segment. GET answers HEAD, too."""
        node = self._root
        for segment in path.split("/"):
            if segment.startswith("{"):
                node.name = segment.strip("{}")
                segment = PARAMETER
            node = node.below.setdefault(segment, _Node())
        node.methods[method] = endpoint
        if method == "GET":
            node.methods["HEAD"] = endpoint
        self.rows.append((method, path))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        node, found = self._root, {}
        for segment in scope["path"].split("/"):
            known = node.below.get(segment) if segment != PARAMETER else None
            if known is None and segment:
                known = node.below.get(PARAMETER)
                found[node.name] = segment
            if known is None:
                return Match.FULL, {"endpoint": self._missing(())}
            node = known
        return Match.FULL, {"endpoint": self._chosen(node.methods, scope["method"]), "path_params": found}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["endpoint"](scope, receive, send)

    def _chosen(self, methods: Mapping[str, ASGIApp], method: str) -> ASGIApp:
        return methods.get(method) or self._missing(tuple(methods))
