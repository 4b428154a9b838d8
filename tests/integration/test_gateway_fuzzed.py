"""Does the gateway keep its own contract, whatever a program sends that its OpenAPI document allows or forbids?"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import redis
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from integration.gateway_client import bearing, gateway, key
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from fleet.dispatcher import declare
from fleet.gateway.openapi import document
from fleet.gateway.routes import ROUTES, Route
from fleet.secrets.roles import Role

EXAMPLES = 250 if os.environ.get("FLEET_TEST_SCALE") == "full" else 6
few = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SCHEMA = schemathesis.openapi.from_dict(document())


@pytest.fixture
def client(store: redis.Redis) -> Iterator[TestClient]:
    declare.publish()
    with gateway() as client:
        client.headers.update(bearing(key(store, Role.ADMIN)))
        yield client


@pytest.mark.parametrize("kind", ["allowed", "forbidden"])
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_answer_is_one_the_document_names(client: TestClient, route: Route, kind: str) -> None:
    takes_something = bool(route.body or route.query or "{" in route.path)
    mode = GenerationMode.NEGATIVE if kind == "forbidden" and takes_something else GenerationMode.POSITIVE

    @few
    @given(case=SCHEMA[route.path][route.method].as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        arguments = case.as_transport_kwargs(base_url="http://testserver")
        arguments.pop("cookies", None)
        if "data" in arguments:  # what requests calls data is content here
            arguments["content"] = arguments.pop("data")
        sent = {**arguments.get("headers", {}), "authorization": client.headers["authorization"]}
        arguments["headers"] = {name: value.encode("latin-1", "replace") for name, value in sent.items()}
        case.validate_response(client.request(**arguments), checks=CHECKS)

    ask()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_any_bytes_from_anybody_get_an_answer_that_is_no_failure(client: TestClient, route: Route) -> None:
    path = route.path.replace("{task_id}", "x").replace("{action_id}", "x")
    good = client.headers["authorization"]

    @few
    @given(
        raw=st.binary(max_size=300),
        credential=st.one_of(st.just(good), st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=90)),
        media=st.sampled_from(["application/json", "application/json; charset=utf-16", "text/html", "nonsense", ""]),
        query=st.text(max_size=30),
    )
    def ask(raw: bytes, credential: str, media: str, query: str) -> None:
        headers = {"authorization": credential, "content-type": media}
        answer = client.request(route.method, path, content=raw, headers=headers, params={"limit": query})
        assert answer.status_code < 500, answer.text

    ask()
