"""How does one task become one trace?

producer -> submit -> held -> worker -> each model, scanner and load call -> finish, joined by W3C headers that travel
with the task; an attempt links the one before it. Off by default: then nothing of OpenTelemetry is imported and every
helper returns at once. A program that traces by itself (a global provider) is joined, not replaced. `start` runs after
a fork, in the child, because the threads and gRPC channels of exporters do not survive one.
"""

from __future__ import annotations

import os
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
_OTEL = "opentelemetry.trace"
_is_named = "OTEL_PYTHON_TRACER_PROVIDER" in os.environ
_own: TracerProvider | None = None
_owner = 0
_known: tuple[Any, Any] = (None, None)
"""A provider and its tracer."""


def start(
    endpoint: str,
    *,
    service: str,
    protocol: str = "http/protobuf",
    ratio: float = 0.1,
    attributes: Attributes | None = None,
) -> bool:
    """Start tracing in this process; an empty endpoint leaves it off. Say whether it is on."""
    if is_on() or not endpoint:
        return is_on()
    from fleet.telemetry.span_export import provider

    adopt(provider(endpoint, protocol, service, ratio, attributes or {}))
    return True


def adopt(provider: TracerProvider) -> None:
    """Use this provider in this process (an embedding program's own, or a test's)."""
    global _own, _owner
    _own, _owner = provider, os.getpid()


def stop(timeout_seconds: float = 3.0) -> None:
    """Send what is buffered; a child that exits without it loses its last spans."""
    global _own, _known
    if _own is not None and _owner == os.getpid():
        _own.force_flush(int(timeout_seconds * 1000))
        _own.shutdown()
    _own, _known = None, (None, None)


def is_on() -> bool:
    """Say whether this very process (not its parent) traces, through the fleet's provider or the program's own."""
    return _provider() is not None


def inject(headers: MutableMapping[str, Any]) -> None:
    """Put the current trace into headers that travel with a task or request."""
    if is_on():
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        TraceContextTextMapPropagator().inject(headers)


def carried() -> dict[str, str]:
    """Return the headers that carry the current trace; empty when there is none."""
    headers: dict[str, str] = {}
    inject(headers)
    return headers


def extract(headers: Mapping[str, Any]) -> Any:
    """Return the trace a message belongs to, for `span(parent=...)`; None when off or absent."""
    if not headers.get("traceparent") or not is_on():
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({key: str(value) for key, value in headers.items() if value})


def unrecorded(headers: Mapping[str, Any]) -> Any:
    """Return the trace a message belongs to if it is one that nobody records; None when it may be recorded, and when off.

    Nine of ten tasks come this way: it makes no span and asks no propagator, unless a `tracestate` goes with the trace.
    """
    if (trace := sys.modules.get(_OTEL)) is None:
        return None
    version, _, rest = str(headers.get("traceparent") or "").partition("-")
    if version != "00" or len(rest) != 52 or rest[-1] in "13579bdf":
        return None
    if headers.get("tracestate"):
        return extract(headers)
    try:
        ids = int(rest[:32], 16), int(rest[33:49], 16)
    except ValueError:
        return None
    known = trace.SpanContext(*ids, is_remote=True)
    return trace.set_span_in_context(trace.NonRecordingSpan(known)) if known.is_valid else None


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
    expected: tuple[type[BaseException], ...] = (),
) -> Iterator[Span | None]:
    """Record the block; `links` are headers of earlier attempts.

    An exception marks the span failed and passes on; an `expected` one (flow of control) only passes on.
    """
    tracer = _tracer()
    if tracer is None:
        yield None
        return
    from opentelemetry.trace import SpanKind as OtelKind
    from opentelemetry.trace import Status, StatusCode

    with tracer.start_as_current_span(
        name, context=parent, kind=OtelKind[kind.upper()], attributes=attributes or {}, links=_links(links),
        record_exception=False, set_status_on_exception=False,
    ) as current:  # fmt: skip
        try:
            yield current
        except expected:
            raise
        except BaseException as error:
            current.record_exception(error)
            current.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
            raise


@contextmanager
def within(parent: Any) -> Iterator[None]:
    """Make an extracted trace the current one for the block; None changes nothing."""
    if parent is None:
        yield
        return
    from opentelemetry.context import attach, detach

    token = attach(parent)
    try:
        yield
    finally:
        detach(token)


def past_span(name: str, began: float, ended: float, attributes: Attributes | None = None, parent: Any = None) -> None:
    """Record something that is over, such as the time a task was held (seconds since the epoch)."""
    tracer = _tracer()
    if tracer is not None:
        record = tracer.start_span(name, context=parent, start_time=int(began * 1e9), attributes=attributes or {})
        record.end(end_time=int(max(began, ended) * 1e9))


def describe(span: Any, attributes: Attributes, failure: str = "") -> None:
    """Add to a span what is known by now; a failure that is an answer, not an exception, marks it failed."""
    if span is not None:
        span.set_attributes(dict(attributes))
        if failure:
            from opentelemetry.trace import Status, StatusCode

            span.set_status(Status(StatusCode.ERROR, failure))


def link(span: Any, traceparent: str) -> None:
    """Let the span point to another, by its W3C header; an empty one links nothing."""
    if span is not None:
        for found in _links([{"traceparent": traceparent}]):
            span.add_link(found.context)


def fail_current(error: BaseException) -> None:
    """Mark the current span failed, when it is somebody else's to end."""
    if current_ids() is not None:
        from opentelemetry.trace import get_current_span

        get_current_span().record_exception(error)
        describe(get_current_span(), {}, f"{type(error).__name__}: {error}")


def current_ids() -> tuple[str, str] | None:
    """Return trace and span id of the current span as hex, or None."""
    trace = sys.modules.get(_OTEL)
    if trace is None:
        return None
    context = trace.get_current_span().get_span_context()
    return (f"{context.trace_id:032x}", f"{context.span_id:016x}") if context.is_valid else None


def current_trace_id() -> str:
    """Return the current trace id, the exemplar of a histogram; empty when there is none or it is not sampled."""
    trace = sys.modules.get(_OTEL)
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

        CeleryInstrumentor().instrument(tracer_provider=_provider())  # type: ignore[no-untyped-call]


def _provider() -> Any:
    """Return the provider of this process, the fleet's or else the program's own; None while neither is there."""
    if _own is not None and _owner == os.getpid():
        return _own
    trace = sys.modules.get(_OTEL)
    # The library reads the environment at every question; while nothing is set and nothing named, the answer is no.
    if trace is None or (getattr(trace, "_TRACER_PROVIDER", trace) is None and not _is_named):
        return None
    found = trace.get_tracer_provider()
    return None if isinstance(found, (trace.ProxyTracerProvider, trace.NoOpTracerProvider)) else found


def _tracer() -> Any:
    global _known
    provider = _provider()
    if provider is None:
        return None
    known, tracer = _known
    if known is not provider:
        tracer = provider.get_tracer(_SCOPE)
        _known = provider, tracer
    return tracer


def _links(headers: Sequence[Mapping[str, Any]]) -> list[Any]:
    if not headers:
        return []
    from opentelemetry.trace import Link, get_current_span

    contexts = [
        get_current_span(extract(carrier)).get_span_context() for carrier in headers if carrier.get("traceparent")
    ]
    return [Link(context) for context in contexts if context.is_valid]
