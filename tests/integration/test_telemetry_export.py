"""Do spans of a forked child reach a collector over OTLP, as one tree?"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fleet.telemetry import genai, tracing


class Collector:
    """Keeps what an OTLP/HTTP exporter sends."""

    def __init__(self) -> None:
        self.spans: dict[str, object] = {}
        self.services: set[str] = set()

    def receive(self, request: Request) -> Response:
        body = request.get_data()
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        message = ExportTraceServiceRequest.FromString(body)
        for resource in message.resource_spans:
            self.services |= {
                a.value.string_value for a in resource.resource.attributes if a.key.startswith("service.")
            }
            for scope in resource.scope_spans:
                self.spans |= {span.name: span for span in scope.spans}
        return Response(b"", content_type="application/x-protobuf")


@pytest.fixture
def collector(httpserver: HTTPServer) -> Iterator[Collector]:
    found = Collector()
    httpserver.expect_request("/v1/traces", method="POST").respond_with_handler(found.receive)
    yield found
    tracing.stop()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_after_fork_sends_its_own_spans(httpserver: HTTPServer, collector: Collector) -> None:
    endpoint = httpserver.url_for("/")
    assert tracing.start(endpoint, service="producer", ratio=1.0)
    headers: dict[str, str] = {}
    with tracing.span("submit code_generation", kind="producer"):
        tracing.inject(headers)
    child = os.fork()
    if child == 0:
        try:
            assert not tracing.is_on()
            tracing.start(endpoint, service="worker", ratio=1.0)
            parent = tracing.extract(headers)
            tracing.past_span("held code_generation", 1.0, 2.0, parent=parent)
            with (
                tracing.span("run code_generation", kind="consumer", parent=parent),
                tracing.span("chat gpt-5", genai.request("gpt-5", "openai"), kind="client"),
            ):
                pass
            tracing.stop()
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    tracing.stop()
    spans = collector.spans
    assert set(spans) == {"submit code_generation", "held code_generation", "run code_generation", "chat gpt-5"}
    assert len({span.trace_id for span in spans.values()}) == 1  # type: ignore[attr-defined]
    submit, run = spans["submit code_generation"], spans["run code_generation"]
    assert run.parent_span_id == spans["held code_generation"].parent_span_id == submit.span_id  # type: ignore[attr-defined]
    assert spans["chat gpt-5"].parent_span_id == run.span_id  # type: ignore[attr-defined]
    assert {"producer", "worker"} <= collector.services


def test_what_is_not_sampled_is_not_sent(httpserver: HTTPServer, collector: Collector) -> None:
    assert tracing.start(httpserver.url_for("/"), service="producer", ratio=0.0)
    with tracing.span("submit"):
        assert tracing.current_trace_id() == "", "an exemplar must lead to a trace that exists"
    tracing.stop()
    assert collector.spans == {}


def test_a_collector_that_is_away_costs_nothing_but_the_spans() -> None:
    assert tracing.start("http://127.0.0.1:9", service="producer", ratio=1.0)
    with tracing.span("submit"):
        pass
    tracing.stop(timeout_seconds=0.2)
    assert not tracing.is_on()
