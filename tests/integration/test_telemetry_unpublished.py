"""Is a span over when its publication has failed, or the parent of everything that follows?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from kombu.exceptions import OperationalError
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from fleet import submit
from fleet.app import app
from fleet.errors import StoreUnavailable
from fleet.settings import load
from fleet.store.client import forget
from fleet.telemetry import tracing

GONE = "redis://127.0.0.1:1/0"


@app.task(name="plain.unpublished", shared=False)  # type: ignore[untyped-decorator]
def plain() -> None:
    """No task of the fleet."""


@pytest.fixture
def spans(store: redis.Redis) -> Iterator[InMemorySpanExporter]:
    """What is traced of this process, Celery's own instrumentation included."""
    assert store.ping()
    app.set_current()  # the instrumentation looks a task up there, and an app that another test made may stand in its place
    kept, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracing.adopt(provider)
    tracing.instrument_celery()
    yield kept
    CeleryInstrumentor().uninstrument()
    tracing.stop()


def test_what_celery_could_not_publish_has_failed_and_is_over(spans: InMemorySpanExporter) -> None:
    with app.connection_for_write(GONE) as gone, pytest.raises(OperationalError):
        plain.apply_async(connection=gone, retry=False)
    assert tracing.current_ids() is None
    [span] = spans.get_finished_spans()
    assert not span.status.is_ok
    assert plain.__otel_task_span == {}, "nothing is kept of it"


def test_so_is_what_this_process_knows_by_name_only(spans: InMemorySpanExporter) -> None:
    with app.connection_for_write(GONE) as gone, pytest.raises(OperationalError):
        app.send_task("plain.of_somebody_else", connection=gone, retry=False)
    assert tracing.current_ids() is None
    assert len(spans.get_finished_spans()) == 1


def test_what_the_fleet_could_not_take_has_failed_and_is_over(
    spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_BROKER__URL", GONE)
    load.cache_clear()
    forget()
    with pytest.raises(StoreUnavailable):
        submit("code_generation", {"prompt": "x"})
    assert tracing.current_ids() is None
    [span] = spans.get_finished_spans()
    assert not span.status.is_ok
