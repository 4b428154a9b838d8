"""How are the fleet's numbers shown to Prometheus?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import click

from fleet.cli.answer import answer, json_option, table


@click.command("metrics")
@click.option("--host", default=None, help="Default: settings.telemetry.metrics_host.")
@click.option("--port", type=int, default=None, help="Default: settings.telemetry.metrics_port.")
@click.option("--once", is_flag=True, help="Print the page and leave.")
@click.option("--count", is_flag=True, help="Print how many series each metric has, most first.")
@json_option
def command(host: str | None, port: int | None, once: bool, count: bool, as_json: bool) -> None:
    """Serve the whole cell's metrics on /metrics, and /health."""
    from prometheus_client.parser import text_string_to_metric_families

    from fleet.settings import current

    if not (once or count):
        telemetry = current().telemetry
        host = host or telemetry.metrics_host
        server = serve(host, telemetry.metrics_port if port is None else port, _page)
        click.echo(f"metrics on http://{host}:{server.server_port}/metrics", err=True)
        server.serve_forever()
        return
    text = _page("")[0].decode()
    if not count:
        click.echo(text, nl=False)
        return
    counted = Counter({family.name: len(family.samples) for family in text_string_to_metric_families(text)})
    rows = [(name, number) for name, number in counted.most_common() if number]
    answer({"series": dict(rows), "total": counted.total()}, as_json, table(("metric", "series"), rows))


def serve(host: str, port: int, page: Callable[[str], tuple[bytes, str]]) -> ThreadingHTTPServer:
    """Return a server that answers scrapes with the page for an Accept header; port 0 takes a free one."""
    server = ThreadingHTTPServer((host, port), type("_Bound", (_Handler,), {"page": staticmethod(page)}))
    server.daemon_threads = True
    return server


class _Handler(BaseHTTPRequestHandler):
    server_version = "agent-fleet"
    sys_version = ""
    page: Callable[[str], tuple[bytes, str]]

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/metrics":
                body, kind = type(self).page(self.headers.get("Accept", ""))
                self._answer(200, body, kind)
            case "/health" | "/ready":
                self._answer(200, b"ok\n", "text/plain")
            case _:
                self._answer(404, b"ask /metrics or /health\n", "text/plain")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes are not news."""


def _page(accept: str) -> tuple[bytes, str]:
    from fleet.alerts.scrape import page
    from fleet.clock import SYSTEM
    from fleet.settings import current
    from fleet.store.client import connect

    return page(connect(), current().cell, SYSTEM.now(), accept)
