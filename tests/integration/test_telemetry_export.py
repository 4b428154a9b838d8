"""Do spans of a forked child reach a collector over OTLP, as one tree?"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from otlp import Collector, http_collector
from pytest_httpserver import HTTPServer

from fleet.telemetry import genai, tracing


@pytest.fixture
def collector(httpserver: HTTPServer) -> Iterator[Collector]:
    yield http_collector(httpserver)
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
    [submitted] = collector.named("submit code_generation")
    run = {"held code_generation": {}, "run code_generation": {"chat gpt-5": {}}}
    assert collector.tree(submitted.trace_id) == {"submit code_generation": run}
    assert len(collector.spans) == 4
    assert {"producer", "worker"} <= collector.services


def test_what_is_not_sampled_is_not_sent(httpserver: HTTPServer, collector: Collector) -> None:
    assert tracing.start(httpserver.url_for("/"), service="producer", ratio=0.0)
    with tracing.span("submit"):
        assert tracing.current_trace_id() == "", "an exemplar must lead to a trace that exists"
    tracing.stop()
    assert collector.spans == []


def test_a_collector_that_is_away_costs_nothing_but_the_spans() -> None:
    assert tracing.start("http://127.0.0.1:9", service="producer", ratio=1.0)
    with tracing.span("submit"):
        pass
    tracing.stop(timeout_seconds=0.2)
    assert not tracing.is_on()
