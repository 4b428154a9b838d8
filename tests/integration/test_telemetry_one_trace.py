"""Is a task that runs in another process one trace, with numbers, exemplars and log lines that lead to it?"""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from eventually import eventually
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fleet.alerts.scrape import page
from fleet.dispatcher import declare
from fleet.dispatcher.submit import submit
from fleet.registry import roster
from fleet.settings import current, load
from fleet.supervisor import programs
from fleet.telemetry import tracing

PAYLOAD = {"files": {"app.py": "import subprocess\nsubprocess.call('ls', shell=True)\n"}, "engines": ["bandit"]}


@pytest.fixture
def spans(httpserver: HTTPServer) -> dict[str, Any]:
    """Spans by name, as an OTLP collector would receive them."""
    found: dict[str, Any] = {}

    def receive(request: Request) -> Response:
        body = request.get_data()
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                found.update({span.name: span for span in scope.spans})
        return Response(b"", content_type="application/x-protobuf")

    httpserver.expect_request("/v1/traces", method="POST").respond_with_handler(receive)
    return found


@pytest.fixture
def log(store: redis.Redis, httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The log of a running worker that traces everything."""
    assert store.ping()
    monkeypatch.setenv("FLEET_TELEMETRY__OTLP_ENDPOINT", httpserver.url_for("/"))
    monkeypatch.setenv("FLEET_TELEMETRY__TRACE_SAMPLE_RATIO", "1")
    monkeypatch.setenv("FLEET_TELEMETRY__LOG_FORMAT", "json")
    load.cache_clear()
    declare.publish()
    program = programs.worker("security_scanner")
    file = tmp_path / "worker.log"
    with file.open("wb") as out:
        worker = subprocess.Popen(program.command, stdout=out, stderr=out, env={**os.environ, **program.environment})
    try:
        eventually(lambda: list(roster.workers()), timeout=60)
        yield file
    finally:
        worker.send_signal(signal.SIGTERM)
        try:
            worker.wait(20)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
        tracing.stop()


def test_submit_held_and_run_are_one_trace(store: redis.Redis, log: Path, spans: dict[str, Any]) -> None:
    telemetry = current().telemetry
    assert tracing.start(telemetry.otlp_endpoint, service="producer", ratio=1.0)
    handle = submit("security_analysis", PAYLOAD, tenant="acme")
    assert handle.get(timeout=60)
    tracing.stop()
    names = {"fleet.submit", "held security_analysis", "run security_analysis"}
    eventually(lambda: names <= set(spans), timeout=30)
    producer = spans["fleet.submit"]
    for name in names - {"fleet.submit"}:
        assert spans[name].trace_id == producer.trace_id
        assert spans[name].parent_span_id == producer.span_id
    held, run = spans["held security_analysis"], spans["run security_analysis"]
    assert held.start_time_unix_nano <= held.end_time_unix_nano <= run.start_time_unix_nano + 5_000_000
    shown = page(store, current().cell, run.end_time_unix_nano / 1e9, "application/openmetrics-text")[0].decode()
    assert f'trace_id="{producer.trace_id.hex()}"' in shown, "a histogram's exemplar leads to the trace"
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    assert any(line["event"] == "worker_registered" for line in lines), "Celery's and the fleet's lines have one shape"
