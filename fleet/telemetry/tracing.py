"""How does one task become one trace?

producer -> submit -> held -> worker -> each paid call -> finish, joined by W3C headers that travel with the task. Off
by default: then nothing of OpenTelemetry is imported and every helper returns at once. `start` runs after a fork, in
the child, because the threads and gRPC channels of exporters do not survive one.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

Attributes = Mapping[str, str | int | float | bool]
SpanKind = Literal["internal", "producer", "consumer", "client", "server"]
_SCOPE = "agent-fleet"
_provider: TracerProvider | None = None
_owner = 0


def start(
    endpoint: str,
    *,
    service: str,
    protocol: str = "http/protobuf",
    ratio: float = 0.1,
    attributes: Attributes | None = None,
) -> bool:
    """Start tracing in this process; an empty endpoint leaves it off. Say whether it is on."""
    if not endpoint:
        return False
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    if is_on():
        return True
    adopt(_new_provider(service, ratio, attributes or {}))
    assert _provider is not None
    _provider.add_span_processor(BatchSpanProcessor(_exporter(endpoint, protocol), schedule_delay_millis=1000))
    return True


def adopt(provider: TracerProvider) -> None:
    """Use this provider in this process (an embedding program's own, or a test's)."""
    global _provider, _owner
    _provider, _owner = provider, os.getpid()


def stop(timeout_seconds: float = 3.0) -> None:
    """Send what is buffered; a child that exits without it loses its last spans."""
    global _provider
    if _provider is not None and is_on():
        _provider.force_flush(int(timeout_seconds * 1000))
        _provider.shutdown()
    _provider = None


def is_on() -> bool:
    """Say whether this very process (not its parent) traces."""
    return _provider is not None and _owner == os.getpid()


def inject(headers: MutableMapping[str, Any]) -> None:
    """Put the current trace into headers that travel with a task or request."""
    if is_on():
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        TraceContextTextMapPropagator().inject(headers)


def extract(headers: Mapping[str, Any]) -> Any:
    """Return the trace a message belongs to, for `span(parent=...)`; None when off or absent."""
    if not is_on() or not headers.get("traceparent"):
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({key: str(value) for key, value in headers.items() if value})


def continued(headers: Mapping[str, Any]) -> Any:
    """Return the trace a message belongs to, unless somebody (an instrumentation of Celery) has continued it already."""
    return None if current_ids() else extract(headers)


@contextmanager
def span(
    name: str,
    attributes: Attributes | None = None,
    *,
    kind: SpanKind = "internal",
    parent: Any = None,
    links: Sequence[Mapping[str, Any]] = (),
) -> Iterator[Span | None]:
    """Record the block; `links` are headers of earlier attempts. An exception marks the span failed and passes on."""
    if not is_on():
        yield None
        return
    from opentelemetry.trace import SpanKind as OtelKind

    assert _provider is not None
    with _provider.get_tracer(_SCOPE).start_as_current_span(
        name, context=parent, kind=OtelKind[kind.upper()], attributes=attributes or {}, links=_links(links)
    ) as current:
        yield current


def past_span(name: str, began: float, ended: float, attributes: Attributes | None = None, parent: Any = None) -> None:
    """Record something that is over, such as the time a task was held (seconds since the epoch)."""
    if is_on():
        assert _provider is not None
        record = _provider.get_tracer(_SCOPE).start_span(
            name, context=parent, start_time=int(began * 1e9), attributes=attributes or {}
        )
        record.end(end_time=int(max(began, ended) * 1e9))


def current_ids() -> tuple[str, str] | None:
    """Return trace and span id of the current span as hex, or None."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    context = trace.get_current_span().get_span_context()
    return (f"{context.trace_id:032x}", f"{context.span_id:016x}") if context.is_valid else None


def current_trace_id() -> str:
    """Return the current trace id, the exemplar of a histogram; empty when there is none or it is not sampled."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return ""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid and context.trace_flags.sampled else ""


def sampled_trace_id(traceparent: object) -> str:
    """Return the trace id a W3C header names when that trace is recorded, else an empty text."""
    parts = str(traceparent or "").split("-")
    is_sampled = len(parts) == 4 and len(parts[1]) == 32 and parts[3][-1:] in "13579bdf" and parts[3] != ""
    return parts[1] if is_sampled else ""


def instrument_celery() -> None:
    """Let opentelemetry-instrumentation-celery use the same provider, for tasks that are not the fleet's."""
    if is_on():
        from opentelemetry.instrumentation.celery import CeleryInstrumentor

        CeleryInstrumentor().instrument(tracer_provider=_provider)  # type: ignore[no-untyped-call]


def _links(headers: Sequence[Mapping[str, Any]]) -> list[Any]:
    from opentelemetry.trace import Link, get_current_span

    contexts = [
        get_current_span(extract(carrier)).get_span_context() for carrier in headers if carrier.get("traceparent")
    ]
    return [Link(context) for context in contexts if context.is_valid]


def _new_provider(service: str, ratio: float, attributes: Attributes) -> TracerProvider:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    resource = Resource.create(
        {"service.name": service, "service.instance.id": f"{socket.gethostname()}-{os.getpid()}", **attributes}
    )
    return TracerProvider(resource=resource, sampler=ParentBased(TraceIdRatioBased(ratio)), shutdown_on_exit=False)


def _exporter(endpoint: str, protocol: str) -> Any:
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter

        return GrpcExporter(endpoint=endpoint, insecure=endpoint.startswith("http://"), timeout=5)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter

    url = endpoint if endpoint.rstrip("/").endswith("/v1/traces") else endpoint.rstrip("/") + "/v1/traces"
    return HttpExporter(endpoint=url, timeout=5)
