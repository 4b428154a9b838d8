"""Who completes the drill's prompts, and sees its traces?

A loopback server with an OpenAI-compatible part that knows which keys are valid, as a provider does, and a part that keeps
the bodies of OTLP exports.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from workers.drill.task import MODEL


class Provider(ThreadingHTTPServer):
    """Answers on a free port; `keys` are the valid ones."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys: set[str] = set()
        self.refused = 0
        self.traces: list[bytes] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Provider
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """List the models, which is how a new key is tried."""
        if self._is_let_in():
            self._answer(200, {"data": [{"id": MODEL}]})

    def do_POST(self) -> None:
        """Complete a chat, or keep an export."""
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if self.path.endswith("/v1/traces"):
            with self.server.lock:
                self.server.traces.append(body)
            self._answer(200, {})
        elif self._is_let_in():
            said = {"role": "assistant", "content": f"heard {len(body)} bytes"}
            usage = {"prompt_tokens": 8, "completion_tokens": 4}
            self._answer(200, {"model": MODEL, "choices": [{"message": said, "finish_reason": "stop"}], "usage": usage})

    def _is_let_in(self) -> bool:
        key = self.headers.get("authorization", "").removeprefix("Bearer ")
        with self.server.lock:
            if key in self.server.keys:
                return True
            self.server.refused += 1
        self._answer(401, {"error": {"message": "this key is not valid"}})
        return False

    def _answer(self, status: int, document: object) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: requests carry keys."""


@contextmanager
def running() -> Iterator[Provider]:
    """Serve for the block."""
    provider = Provider()
    thread = threading.Thread(target=provider.serve_forever, name="provider", daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.shutdown()
        provider.server_close()
