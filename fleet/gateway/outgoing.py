"""How does an answer leave? As two messages to the server, made without ceremony; only streams take Starlette's way."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from fleet.errors import FleetError
from fleet.gateway import problems
from fleet.gateway.exchange import JSON, Answer, dump
from fleet.gateway.problems import Problem
from fleet.telemetry import logs
from fleet.telemetry.events import Event

EVERY_ANSWER = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
_EVERY = [(name.encode(), value.encode()) for name, value in EVERY_ANSWER.items()]
_JSON_HEADERS = [*_EVERY, (b"content-type", JSON.encode())]


def refused(path: str, error: Problem | FleetError) -> Answer:
    """Return a refusal or a failure as an answer; a failure is logged."""
    problem = error if isinstance(error, Problem) else problems.of(error)
    if problem.status >= 500 and isinstance(error, FleetError):
        logs.get("gateway").error(Event.REQUEST_ANSWERED, status=problem.status, reason=str(error))
    return Answer(problem.body(path), problem.status, problem.all_headers(), media=problems.MEDIA)


def content_of(answer: Answer) -> bytes:
    """Return what the answer says as bytes; nothing for a stream, which is still to be made."""
    if answer.stream is not None:
        return b""
    return dump(answer.document) if answer.content is None else answer.content


async def give(answer: Answer, content: bytes, scope: Scope, receive: Receive, send: Send) -> None:
    """Send an answer to its end."""
    if answer.stream is not None:
        headers = {**EVERY_ANSWER, **answer.headers}
        await StreamingResponse(answer.stream, answer.status, headers, answer.media)(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": _headers(answer, len(content))})
    await send({"type": "http.response.body", "body": content})


def _headers(answer: Answer, length: int) -> list[tuple[bytes, bytes]]:
    size = (b"content-length", b"%d" % length)
    if answer.media == JSON and not answer.headers:
        return [*_JSON_HEADERS, size]
    return [*_encoded({**EVERY_ANSWER, "content-type": answer.media, **answer.headers}), size]


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
