"""Where do finished spans go, and what may they say?

To a collector over OTLP, in batches, from a thread of their own. What a log line may not say a span may not either, so
redaction is the last step before the wire: it also covers exceptions and what other instrumentations record.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Status

from fleet.telemetry.redaction import redact, redact_text

BATCH_MILLISECONDS = 2000
TIMEOUT_SECONDS = 5


def provider(
    endpoint: str, protocol: str, service: str, ratio: float, attributes: Mapping[str, str | int | float | bool]
) -> TracerProvider:
    """Return what makes spans here; a trace that begins elsewhere is recorded if it is recorded there."""
    about = {
        "service.name": os.environ.get("OTEL_SERVICE_NAME") or service,
        "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
        **attributes,
    }
    made = TracerProvider(
        resource=Resource.create(about), sampler=ParentBased(TraceIdRatioBased(ratio)), shutdown_on_exit=False
    )
    exporter = Redacting(_exporter(endpoint, protocol))
    made.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=BATCH_MILLISECONDS))
    return made


class Redacting(SpanExporter):
    """An exporter that sends spans without anything that is or looks like a secret."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._inner.export([redacted(span) for span in spans])

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


def redacted(span: ReadableSpan) -> ReadableSpan:
    """Return the span as it may leave."""
    status = span.status
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=redact(span.attributes or {}),
        events=[Event(event.name, redact(event.attributes or {}), event.timestamp) for event in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(status.status_code, redact_text(status.description)) if status.description else status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def exporter_class(protocol: str) -> Any:
    """Return what sends spans by this protocol; importing it takes half a second."""
    if protocol == "grpc":
        # Agents start programs, and gRPC's own preparations for a fork have crashed the child before it became one.
        os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter

        return GrpcExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter

    return HttpExporter


def load(protocol: str) -> None:
    """Import all that sending by this protocol needs, also what is imported on first use: children find it there.

    Nothing is opened: what gRPC opens has threads, which do not survive a fork.
    """
    kind = exporter_class(protocol)
    if protocol != "grpc":
        import netrc  # noqa: F401

        kind(endpoint="http://localhost").shutdown()


def _exporter(endpoint: str, protocol: str) -> Any:
    kind = exporter_class(protocol)
    if protocol == "grpc":
        return kind(endpoint=endpoint, insecure=endpoint.startswith("http://"), timeout=TIMEOUT_SECONDS)
    url = endpoint if endpoint.rstrip("/").endswith("/v1/traces") else endpoint.rstrip("/") + "/v1/traces"
    return kind(endpoint=url, timeout=TIMEOUT_SECONDS)
