"""Is a task one trace, whatever becomes of it, as a collector receives it from real processes?"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from celery import chain
from e2e.cell import Cell, running
from eventually import eventually
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from otlp import ERROR, Filed, attributes, grpc_collector
from pytest_httpserver import HTTPServer

from fleet import submit
from fleet.app import app
from fleet.dispatcher.errors import NotAccepted
from fleet.dispatcher.submit import TaskRequest, submit_many
from fleet.store import keys
from fleet.store.client import connect
from fleet.telemetry import tracing

FILE = Path(__file__).parent / "agents" / "everything.yaml"
WAIT = 60


@dataclass
class Traced:
    """A cell that traces everything, and what arrived of it."""

    cell: Cell
    collector: Filed

    def spans(self, name: str) -> list[Any]:
        """Return the spans of a name that have arrived, earliest first."""
        self.collector.look()
        return self.collector.named(name)

    def trace(self, name: str, done: Callable[[dict[str, Any]], bool] = lambda tree: True) -> dict[str, Any]:
        """Return the newest trace whose first span has the name, as a tree, once it is complete."""
        tracing.stop()

        def complete() -> dict[str, Any] | None:
            trees = [self.collector.tree(span.trace_id) for span in reversed(self.spans(name))]
            return next((tree for tree in trees if "finish" in json.dumps(tree) and done(tree)), None)

        return eventually(complete, timeout=WAIT)


@contextmanager
def traced(directory: Path, **environment: str) -> Iterator[Traced]:
    with grpc_collector(directory / "spans") as (collector, endpoint):
        settings = {
            "FLEET_FILE": str(FILE),
            "FLEET_TELEMETRY__OTLP_ENDPOINT": endpoint,
            "FLEET_TELEMETRY__OTLP_PROTOCOL": "grpc",
            **environment,
        }
        with running(directory, settings) as cell:
            try:
                yield Traced(cell, collector)
            finally:
                tracing.stop()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, make_httpserver: HTTPServer) -> Iterator[Traced]:
    server = make_httpserver
    with traced(
        tmp_path_factory.mktemp("traced"),
        FLEET_LLM__PROVIDER="openai",
        FLEET_LLM__MODEL="gpt-5",
        FLEET_LLM__API_KEY="test-key",
        FLEET_LLM__BASE_URL=server.url_for("/traced"),
        FLEET_AGENTS__ALLOWED_TARGETS=f"{server.host}:{server.port}",
        FLEET_AGENTS__SANDBOX_MINIMUM="rlimits",
    ) as found:
        found.cell.start("all", "all")
        yield found


def attempt(name: str, *inside: str) -> dict[str, Any]:
    return {
        f"held {name}": {},
        f"queued {name}": {},
        f"run {name}": {child: {} for child in (*inside, f"finish {name}")},
    }


def test_a_model_call_and_the_execution_of_its_answer(fleet: Traced, make_httpserver: HTTPServer) -> None:
    answer = {"role": "assistant", "content": "```python\ndef add(a, b):\n    return a + b\n```"}
    make_httpserver.expect_request("/traced/chat/completions").respond_with_json(
        {"model": "gpt-5-2025", "choices": [{"message": answer, "finish_reason": "stop"}], "usage": {"prompt_tokens": 40, "completion_tokens": 9}}
    )  # fmt: skip
    handle = submit(
        "code_generation", {"prompt": "add two numbers", "checks": ["assert add(2, 3) == 5"]}, tenant="acme"
    )
    assert handle.get(timeout=WAIT)["verified"] is True
    tree = fleet.trace("submit code_generation")
    assert tree == {"submit code_generation": attempt("code_generation", "chat gpt-5", "check code")}
    [call], [check] = fleet.spans("chat gpt-5"), fleet.spans("check code")
    seen = attributes(call)
    assert (seen["gen_ai.operation.name"], seen["gen_ai.provider.name"]) == ("chat", "openai")
    assert (seen["gen_ai.request.model"], seen["gen_ai.response.model"]) == ("gpt-5", "gpt-5-2025")
    assert (seen["gen_ai.usage.input_tokens"], seen["gen_ai.usage.output_tokens"]) == (40, 9)
    assert "add two numbers" not in str(call), "prompts are not recorded"
    assert attributes(check)["fleet.checks_passed"] == 1
    assert {"fleet-producer", "fleet-all"} <= fleet.collector.services


def test_every_scanner_has_a_span(fleet: Traced) -> None:
    files = {"app.py": "import subprocess\nsubprocess.call('ls', shell=True)\n"}
    assert submit("security_analysis", {"files": files, "engines": ["bandit", "detect_secrets"]}).get(timeout=WAIT)
    tree = fleet.trace("submit security_analysis")
    assert tree == {"submit security_analysis": attempt("security_analysis", "scan bandit", "scan detect_secrets")}
    [scan] = fleet.spans("scan bandit")
    assert attributes(scan)["fleet.findings"] >= 1


def test_every_load_phase_has_a_span(fleet: Traced, make_httpserver: HTTPServer) -> None:
    make_httpserver.expect_request("/loaded").respond_with_data("ok")
    payload = {
        "url": make_httpserver.url_for("/loaded"),
        "rate_per_second": 20,
        "warm_up_seconds": 0.2,
        "duration_seconds": 1,
    }
    assert submit("performance_test", payload).get(timeout=WAIT)
    tree = fleet.trace("submit performance_test")
    assert tree == {"submit performance_test": attempt("performance_test", "load warming up", "load measuring")}
    [load] = fleet.spans("load measuring")
    assert attributes(load)["server.port"] == make_httpserver.port


def test_an_attempt_links_the_one_before_it_and_secrets_stay_here(fleet: Traced) -> None:
    says = "token=hunter2hunter2 was refused by postgres://app:hunter2@db/x"
    assert submit("mishap", {"how": "until", "attempt": 2, "says": says}).get(timeout=WAIT) == {"attempt": 2}
    tree = fleet.trace("submit mishap", lambda tree: "run mishap#2" in tree["submit mishap"])
    assert tree == {
        "submit mishap": attempt("mishap") | {f"{name}#2": below for name, below in attempt("mishap").items()}
    }
    first, second = fleet.spans("run mishap")[-2:]
    assert [link.span_id for link in second.links] == [first.span_id]
    assert (first.status.code, list(first.links)) == (ERROR, [])
    outcomes = [attributes(span)["fleet.outcome"] for span in fleet.spans("finish mishap")[-2:]]
    assert outcomes == ["retry", "done"]
    assert "hunter2" not in str(first)
    assert "was refused by" in first.status.message


def test_a_killed_attempt_is_linked_too(fleet: Traced) -> None:
    handle = submit("mishap", {"how": "die", "attempt": 2})
    assert handle.get(timeout=WAIT) == {"attempt": 2}
    tracing.stop()

    def runs() -> list[Any]:
        return [span for span in fleet.spans("run mishap") if attributes(span)["fleet.task_id"] == handle.id]

    [last] = eventually(runs, timeout=WAIT)
    [link] = last.links
    assert (attributes(last)["fleet.attempt"], link.trace_id) == (2, last.trace_id)
    assert link.span_id not in {span.span_id for span in fleet.collector.spans}, "its own span died with it"


def step_of(tree: dict[str, Any]) -> dict[str, Any]:
    """Return what happened inside the first step of the chain."""
    found: dict[str, Any] = tree.get("submit add", {}).get("run add", {})
    return found


def test_celerys_retry_and_chains_stay_in_the_trace(fleet: Traced) -> None:
    assert app.send_task("stubborn", kwargs={"until": 1}).get(timeout=WAIT) == 1
    tree = fleet.trace("submit stubborn", lambda tree: '"run stubborn": {"finish' in json.dumps(tree))
    run = tree["submit stubborn"]["run stubborn"]
    assert set(run["submit stubborn"]) == set(attempt("stubborn"))
    first, second = fleet.spans("run stubborn")
    assert [link.span_id for link in second.links] == [first.span_id]
    assert first.status.code != ERROR, "asking for another attempt is no failure"

    step = app.signature("add", kwargs={"x": 1})
    assert chain(step, app.signature("add", kwargs={"x": 2})).apply_async().get(timeout=WAIT)["sum"] == 3
    fleet.trace("submit add", lambda tree: set(step_of(tree).get("submit add", {})) == set(attempt("add")))


def test_many_submitted_together_are_a_trace_each(fleet: Traced) -> None:
    handles = list(submit_many(TaskRequest("nap", {}) for _ in range(5)))
    for handle in handles:
        assert not isinstance(handle, Exception)
        handle.get(timeout=WAIT)
    fleet.trace("submit nap")
    eventually(lambda: len(fleet.spans("finish nap")) == 5, timeout=WAIT)
    trees = [fleet.collector.tree(span.trace_id) for span in fleet.spans("submit nap")]
    assert trees == [{"submit nap": attempt("nap")}] * 5


@pytest.mark.parametrize("process", ["prefork", "threads", "solo"])
def test_a_worker_that_is_stopped_sends_what_it_holds(tmp_path: Path, process: str) -> None:
    with traced(tmp_path) as fleet:
        worker = fleet.cell.start("all", "all", process=process)
        for number in range(10):
            submit("add", {"x": number}).get(timeout=WAIT)
        worker.tell(signal.SIGTERM)
        assert worker.process.wait(30) == 0
        tracing.stop()
        assert len(fleet.spans("finish add")) == 10, "nothing was lost"


def test_beside_celerys_own_instrumentation(tmp_path: Path) -> None:
    from e2e.agents.steps import add, multiply

    instrumentor = CeleryInstrumentor()
    with traced(tmp_path, FLEET_TELEMETRY__TRACE_CELERY="true") as fleet:
        fleet.cell.start("all", "all", queues="fleet.all,fleet.maintenance")
        try:
            submit("add", {"x": 1}).get(timeout=WAIT)  # begins tracing here
            tracing.instrument_celery()
            assert app.send_task("add", kwargs={"x": 2}).get(timeout=WAIT)["sum"] == 2
            assert multiply.delay(3, 4).get(timeout=WAIT) == 12
            connect().hset(keys.prefix("main") + "limits", "tenant:greedy", "1 0 0")
            add.apply_async(kwargs={"x": 1}, headers={"tenant": "greedy"}).get(timeout=WAIT)
            with pytest.raises(NotAccepted, match="rate limit"):
                add.apply_async(kwargs={"x": 1}, headers={"tenant": "greedy"})
            assert tracing.current_ids() is None, "a publication that failed leaves no span open"
        finally:
            instrumentor.uninstrument()
        spans = fleet.spans
        fleet.trace("apply_async/add")
        eventually(lambda: spans("run/plain.multiply"), timeout=WAIT)
        published = spans("apply_async/add")[0]
        tree = fleet.collector.tree(published.trace_id)
        inside = tree["submit add"]["apply_async/add"]
        assert set(inside) == {"held add", "queued add", "run/add"}
        assert inside["run/add"] == {"run add": {"finish add": {}}}
        [plain] = spans("apply_async/plain.multiply")
        assert fleet.collector.tree(plain.trace_id) == {"apply_async/plain.multiply": {"run/plain.multiply": {}}}
