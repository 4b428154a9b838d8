"""Is a task that runs in another process one trace, with numbers, exemplars and log lines that lead to it?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from eventually import eventually
from otlp import Collector, http_collector
from pytest_httpserver import HTTPServer

from fleet.alerts.scrape import page
from fleet.dispatcher import declare
from fleet.dispatcher.submit import submit
from fleet.registry import roster
from fleet.settings import current, load
from fleet.supervisor import programs
from fleet.telemetry import tracing

PAYLOAD = {"files": {"app.py": "import subprocess\nsubprocess.call('ls', shell=True)\n"}, "engines": ["bandit"]}


@pytest.fixture
def collector(httpserver: HTTPServer) -> Collector:
    return http_collector(httpserver)


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


def test_numbers_and_lines_lead_to_the_trace(store: redis.Redis, log: Path, collector: Collector) -> None:
    handle = submit("security_analysis", PAYLOAD, tenant="acme")
    assert handle.get(timeout=60)
    tracing.stop()
    eventually(lambda: collector.named("finish security_analysis"), timeout=30)
    [producer], [run] = collector.named("submit security_analysis"), collector.named("run security_analysis")
    run_part = {"run security_analysis": {"scan bandit": {}, "finish security_analysis": {}}}
    waits = {"held security_analysis": {}, "queued security_analysis": {}}
    assert collector.tree(producer.trace_id) == {"submit security_analysis": waits | run_part}
    shown = page(store, current().cell, run.end_time_unix_nano / 1e9, "application/openmetrics-text")[0].decode()
    assert f'trace_id="{producer.trace_id.hex()}"' in shown, "a histogram's exemplar leads to the trace"
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    assert any(line["event"] == "worker_registered" for line in lines), "Celery's and the fleet's lines have one shape"
