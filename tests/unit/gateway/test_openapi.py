"""Does the OpenAPI document say what the table of routes says, and is it valid OpenAPI 3.1?"""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from fleet.gateway.openapi import document
from fleet.gateway.problems import Problem
from fleet.gateway.routes import ROUTES, Route


def references(node: Any) -> set[str]:
    match node:
        case dict():
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return own.union(*(references(value) for value in node.values()))
        case list():
            return set().union(*(references(value) for value in node))
        case _:
            return set()


def test_every_route_is_described_once() -> None:
    described = {(method.upper(), path) for path, methods in document()["paths"].items() for method in methods}
    assert described == {(route.method, route.path) for route in ROUTES}
    names = [operation["operationId"] for methods in document()["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names)


def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    schemas = document()["components"]["schemas"]
    for reference in references(document()):
        assert reference.removeprefix("#/components/schemas/") in schemas
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_examples_fit_their_schemas() -> None:
    whole = document()
    for name, schema in whole["components"]["schemas"].items():
        for example in schema.get("examples", ()):
            jsonschema.validate(example, {**whole, "$ref": f"#/components/schemas/{name}"})
    assert whole["components"]["schemas"]["TaskRequest"]["examples"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_route_says_who_may_and_what_can_happen(route: Route) -> None:
    operation = document()["paths"][route.path][route.method.lower()]
    assert operation["x-role"] == (route.role.value if route.role else None)
    assert bool(operation["security"]) == (route.role is not None)
    assert operation["summary"]
    assert operation["description"]
    assert {"401", "403"} <= set(operation["responses"]) or route.role is None
    assert ("requestBody" in operation) == (route.body is not None)


def test_the_document_is_json() -> None:
    assert json.loads(json.dumps(document())) == document()


def test_a_problem_has_a_whole_number_of_seconds_to_wait() -> None:
    assert Problem(429, "deferred", "later", retry_after=0.2).all_headers()["retry-after"] == "1"
    assert Problem(429, "deferred", "later", retry_after=2.1).all_headers()["retry-after"] == "3"
    assert "retry-after" not in Problem(404, "not-found", "no").all_headers()
