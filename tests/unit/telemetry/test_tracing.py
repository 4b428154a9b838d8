"""Is one task one trace, and does tracing cost nothing while it is off?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from fleet.telemetry import genai, tracing


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.adopt(provider)
    yield exporter
    tracing.stop()


def test_while_off_nothing_is_imported_and_headers_stay_empty() -> None:
    code = (
        "import sys; from fleet.telemetry import tracing; h = {}\n"
        "with tracing.span('x', {'a': 1}) as s: tracing.inject(h)\n"
        "assert s is None and h == {} and tracing.current_ids() is None\n"
        "assert tracing.extract({'traceparent': 'x'}) is None\n"
        "assert not tracing.start('', service='s') and not [m for m in sys.modules if m.startswith('opentelemetry')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_one_trace_from_submit_to_the_paid_call(spans: InMemorySpanExporter) -> None:
    headers: dict[str, str] = {}
    with tracing.span("submit code_generation", {"fleet.task_type": "code_generation"}, kind="producer"):
        tracing.inject(headers)
        ids = tracing.current_ids()
    assert headers["traceparent"].split("-")[1] == (ids or ("",))[0]
    parent = tracing.extract(headers)
    tracing.past_span("held code_generation", 100.0, 107.5, parent=parent)
    with tracing.span("run code_generation", kind="consumer", parent=parent):
        with tracing.span(genai.span_name("gpt-5"), genai.request("gpt-5", "openai"), kind="client") as call:
            assert call is not None
            call.set_attributes(dict(genai.response("gpt-5", 10, 20)))
        assert tracing.current_trace_id() == headers["traceparent"].split("-")[1]
    done = {span.name: span for span in spans.get_finished_spans()}
    assert {span.context.trace_id for span in done.values()} == {done["submit code_generation"].context.trace_id}
    submit = done["submit code_generation"].context.span_id
    assert done["held code_generation"].parent.span_id == submit
    assert done["held code_generation"].end_time - done["held code_generation"].start_time == 7_500_000_000
    assert done["run code_generation"].parent.span_id == submit
    assert done["chat gpt-5"].parent.span_id == done["run code_generation"].context.span_id
    assert done["chat gpt-5"].attributes["gen_ai.usage.output_tokens"] == 20


def test_a_retry_links_the_attempt_before_it(spans: InMemorySpanExporter) -> None:
    first: dict[str, str] = {}
    with tracing.span("run attempt 1"):
        tracing.inject(first)
    with tracing.span("run attempt 2", links=[first, {}, {"traceparent": "nonsense"}]):
        pass
    attempt = next(span for span in spans.get_finished_spans() if span.name == "run attempt 2")
    assert [f"{link.context.trace_id:032x}" for link in attempt.links] == [first["traceparent"].split("-")[1]]


def test_an_exception_marks_the_span_and_passes_on(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="broken"), tracing.span("run"):
        raise ValueError("broken")
    assert spans.get_finished_spans()[0].status.status_code.name == "ERROR"


def test_broken_headers_are_ignored(spans: InMemorySpanExporter) -> None:
    with tracing.span("run", parent=tracing.extract({"traceparent": "00-zz-zz-01", "tracestate": None})):
        pass
    assert spans.get_finished_spans()[0].parent is None


def test_a_fork_does_not_inherit_tracing(spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tracing.is_on()
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert not tracing.is_on()
    with tracing.span("in the child") as nothing:
        assert nothing is None
    monkeypatch.undo()
    assert spans.get_finished_spans() == ()


def test_a_program_that_traces_by_itself_is_joined() -> None:
    code = (
        "from opentelemetry import trace\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "from opentelemetry.sdk.trace.export import SimpleSpanProcessor\n"
        "from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter\n"
        "from fleet.telemetry import tracing\n"
        "assert not tracing.is_on()\n"
        "kept, provider = InMemorySpanExporter(), TracerProvider()\n"
        "provider.add_span_processor(SimpleSpanProcessor(kept))\n"
        "trace.set_tracer_provider(provider)\n"
        "assert tracing.start('http://127.0.0.1:9', service='fleet'), 'it is on, and not a second time'\n"
        "with tracing.span('submit'):\n"
        "    assert tracing.carried()['traceparent']\n"
        "tracing.stop()\n"
        "assert [span.name for span in kept.get_finished_spans()] == ['submit'] and tracing.is_on()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_flow_of_control_is_no_failure(spans: InMemorySpanExporter) -> None:
    with pytest.raises(KeyError), tracing.span("run", expected=(KeyError,)):
        raise KeyError("again")
    [span] = spans.get_finished_spans()
    assert (span.status.is_ok, span.events) == (True, ())


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"00-{TRACE}-00f067aa0ba902b7-01", TRACE),
        (f"00-{TRACE}-00f067aa0ba902b7-03", TRACE),
        (f"00-{TRACE}-00f067aa0ba902b7-00", ""),
        (f"00-{TRACE}-00f067aa0ba902b7-", ""),
        ("00-short-x-01", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_only_a_recorded_trace_becomes_an_exemplar(header: str | None, expected: str) -> None:
    assert tracing.sampled_trace_id(header) == expected
