"""What does the API look like to programs and people who read OpenAPI 3.1?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from fleet import __version__
from fleet.gateway import console, problems, progress
from fleet.gateway.exchange import JSON
from fleet.gateway.routes import API, ROUTES, Route
from fleet.gateway.schemas import Id, ProblemGiven
from fleet.gateway.tasks import MOST_KEY_CHARACTERS

PATH = "/openapi.json"
REF = "#/components/schemas/{model}"
MEDIA = {f"{API}/tasks/{{task_id}}/events": progress.MEDIA, console.PATH: console.MEDIA}
NAMES = re.compile(r"\{(\w+)\}")


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document of the table of routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Agent Fleet",
            "version": __version__,
            "description": "Submit AI-agent work, watch it, and act on the fleet that does it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key (`fleet keys create`) or a JWT of the configured issuer.",
                }
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": (route.handler.__doc__ or "").strip(),
        "parameters": list(_parameters(route)),
        "responses": _responses(route),
        "security": [{"bearer": []}] if route.role else [],
        "x-role": route.role.value if route.role else None,
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": _ref(route.body)}}}
    return operation


def _parameters(route: Route) -> Iterable[dict[str, Any]]:
    for name in NAMES.findall(route.path):
        yield {"name": name, "in": "path", "required": True, "schema": _inline(Id)}
    if route.query is not None:
        schema = route.query.model_json_schema(ref_template=REF)
        for name, about in schema["properties"].items():
            yield {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", ()),
                "description": about.get("description", ""),
                "schema": _not_null(about),
            }
    if route.idempotent_by_key:
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "The same key names the same task.",
            "schema": {
                "type": "string",
                "minLength": 1,
                "maxLength": MOST_KEY_CHARACTERS,
                "pattern": "^[\\x21-\\x7e]+$",
            },
        }


def _responses(route: Route) -> dict[str, Any]:
    answers: dict[int, type[BaseModel] | None] = dict(route.answers)
    refusals = [500, 503]
    refusals += [401, 403, 429] if route.role else []
    refusals += [400, 413, 415, 422, 409] if route.body else []
    refusals += [422] if route.query or "{" in route.path or route.idempotent_by_key else []
    for status in refusals:
        answers.setdefault(status, ProblemGiven)
    return {str(status): _response(route, status, model) for status, model in sorted(answers.items())}


def _response(route: Route, status: int, model: type[BaseModel] | None) -> dict[str, Any]:
    if model is None:
        media = MEDIA.get(route.path, "text/plain")
        content: dict[str, Any] = {media: {"schema": {"type": "string"}}}
    else:
        content = {problems.MEDIA if model is ProblemGiven else JSON: {"schema": _ref(model)}}
    answer: dict[str, Any] = {"description": HTTPStatus(status).phrase, "content": content}
    if status in (429, 503):
        answer["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return answer


def _schemas() -> dict[str, Any]:
    sent = {(route.body, "validation") for route in ROUTES if route.body}
    given = {(model, "serialization") for route in ROUTES for model in route.answers.values() if model}
    models: list[Any] = sorted({*sent, *given, (ProblemGiven, "serialization")}, key=str)
    _, definitions = models_json_schema(models, ref_template=REF)
    schemas: dict[str, Any] = definitions["$defs"]
    return schemas


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REF.format(model=model.__name__)}


def _inline(annotation: Any) -> dict[str, Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(annotation).json_schema()


def _not_null(about: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a query parameter: absent instead of null."""
    kept = {key: value for key, value in about.items() if key not in ("title", "description", "anyOf", "default")}
    options = [option for option in about.get("anyOf", ()) if option.get("type") != "null"]
    return {
        **kept,
        **(options[0] if options else {}),
        **({"default": about["default"]} if about.get("default") is not None else {}),
    }
