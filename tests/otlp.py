"""What does an OTLP collector receive? A real one for tests, over HTTP or gRPC, that keeps the spans.

The one for gRPC is a process of its own (`python -m otlp FILE`): a gRPC server does not survive that a test forks.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

OK, ERROR = 1, 2


@dataclass
class Collector:
    """Every span that arrived, and the services they came from."""

    spans: list[Any] = field(default_factory=list)
    services: set[str] = field(default_factory=set)

    def take(self, message: ExportTraceServiceRequest) -> None:
        for resource in message.resource_spans:
            about = {one.key: one.value.string_value for one in resource.resource.attributes}
            self.services.add(about["service.name"])
            for scope in resource.scope_spans:
                self.spans += scope.spans

    def over_http(self, request: Request) -> Response:
        body = request.get_data()
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.take(ExportTraceServiceRequest.FromString(body))
        return Response(b"", content_type="application/x-protobuf")

    def named(self, name: str) -> list[Any]:
        """Return the spans of a name, earliest first."""
        return sorted((s for s in self.spans if s.name == name), key=lambda s: s.start_time_unix_nano)

    def tree(self, trace_id: bytes) -> dict[str, Any]:
        """Return a trace as nested names, siblings by start: {root: {child: {...}}}; a second one of a name gets `#2`."""
        spans = sorted((s for s in self.spans if s.trace_id == trace_id), key=lambda s: s.start_time_unix_nano)
        known = {span.span_id for span in spans}

        def below(parent: bytes | None) -> dict[str, Any]:
            level: dict[str, Any] = {}
            for span in spans:
                is_root = span.parent_span_id not in known
                if (parent is None and is_root) or (span.parent_span_id == parent and not is_root):
                    number = 1 + sum(name.partition("#")[0] == span.name for name in level)
                    level[span.name if number == 1 else f"{span.name}#{number}"] = below(span.span_id)
            return level

        return below(None)


def attributes(span: Any) -> dict[str, Any]:
    """Return a span's attributes as plain values."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def http_collector(server: HTTPServer) -> Collector:
    """Return a collector that receives on the server's /v1/traces."""
    collector = Collector()
    server.expect_request("/v1/traces", method="POST").respond_with_handler(collector.over_http)
    return collector


@dataclass
class Filed(Collector):
    """A collector whose messages are in a file, one line of hex each."""

    file: Path = Path()
    read: int = 0

    def look(self) -> None:
        """Take what has arrived since the last look."""
        with self.file.open() as lines:
            lines.seek(self.read)
            while (line := lines.readline()).endswith("\n"):
                self.take(ExportTraceServiceRequest.FromString(bytes.fromhex(line)))
                self.read = lines.tell()


@contextmanager
def grpc_collector(file: Path) -> Iterator[tuple[Filed, str]]:
    """Run a collector on gRPC for the block; yields it and its endpoint."""
    file.touch()
    command = [sys.executable, "-m", "otlp", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent) as server:
        assert server.stdout is not None
        try:
            yield Filed(file=file), f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


def serve(file: Path) -> None:
    """Receive over gRPC until killed; the port is the first line of the output."""
    import grpc
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc

    class Service(trace_service_pb2_grpc.TraceServiceServicer):  # type: ignore[misc]
        def Export(self, request: ExportTraceServiceRequest, context: object) -> ExportTraceServiceResponse:
            with file.open("a") as lines:
                lines.write(request.SerializeToString().hex() + "\n")
            return ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(1))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Service(), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
