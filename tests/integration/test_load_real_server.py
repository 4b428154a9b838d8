"""Does the load generator tell the truth about a real server?"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from workers.performance_tester.aim import ask_in_turn
from workers.performance_tester.client import MAX_ANSWER_BYTES
from workers.performance_tester.payload import PerformanceTest
from workers.performance_tester.test import run_test
from workers.safety.targets import Target, TargetRefused

STALL_SECONDS = 0.4


class Recorder:
    """Keeps the progress it is told."""

    def __init__(self, *targets: str) -> None:
        self.allowed_targets = targets
        self.told: list[tuple[float, str]] = []

    def progress(self, fraction: float, message: str) -> None:
        self.told.append((fraction, message))


class Server:
    """A small HTTP server in a thread, with ways to misbehave."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []
        self._stalled = False
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Server:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{name}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        self.port = runner.addresses[0][1]
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.headers["Host"], (await request.content.read(100)).decode()))
        match request.match_info["name"]:
            case "missing":
                raise web.HTTPNotFound
            case "broken":
                raise web.HTTPInternalServerError
            case "slow":
                await asyncio.sleep(5)
            case "hop":
                raise web.HTTPFound("/ok")
            case "away":
                raise web.HTTPFound("http://169.254.169.254/latest/meta-data")
            case "round":
                raise web.HTTPFound("/round")
            case "drop":
                assert request.transport is not None
                request.transport.abort()
            case "huge":
                return web.Response(body=bytes(MAX_ANSWER_BYTES + 1))
            case "stall" if len(self.seen) > 5 and not self._stalled:
                self._stalled = True
                await asyncio.sleep(STALL_SECONDS)
        return web.Response(text="ok")


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    with Server() as server:
        yield server


def load(server: Server, name: str, **payload: Any) -> dict[str, Any]:
    quick = {"rate_per_second": 50, "duration_seconds": 0.4, "warm_up_seconds": 0, "connections": 32} | payload
    url = payload.pop("url", f"http://127.0.0.1:{server.port}/{name}")
    return run_test(PerformanceTest(**(quick | {"url": url})), Recorder(f"127.0.0.1:{server.port}"))


def test_every_scheduled_request_arrives_and_the_result_is_json(shared: Server) -> None:
    before = len(shared.seen)
    result = load(shared, "ok", method="POST", body="hello", headers={"X-Probe": "1"}, warm_up_seconds=0.2)
    assert result["verdict"] == "pass"
    assert result["requests"] == result["succeeded"] == 20
    assert result["statuses"] == {"200": 20}
    assert result["bytes_received"] == 40
    assert result["target"]["address"] == "127.0.0.1"
    arrived = shared.seen[before:]
    assert len(arrived) == 1 + 10 + 20  # asked once, warmed up, measured
    assert set(arrived) == {("POST", f"127.0.0.1:{shared.port}", "hello")}
    assert json.loads(json.dumps(result, allow_nan=False))["requests"] == 20


@pytest.mark.parametrize(
    ("name", "kind", "more"),
    [
        ("missing", "http_4xx", {}),
        ("broken", "http_5xx", {}),
        ("hop", "redirect", {}),
        ("drop", "connection_broken", {}),
        ("huge", "answer_too_large", {"rate_per_second": 5}),
        ("slow", "timeout", {"request_timeout_seconds": 0.1, "rate_per_second": 20, "connections": 20}),
    ],
)
def test_errors_are_told_by_kind(shared: Server, name: str, kind: str, more: dict[str, Any]) -> None:
    result = load(shared, name, **more)
    assert set(result["errors"]) == {kind}
    assert result["errors"][kind] == result["requests"]
    assert result["verdict"] != "pass"  # inconclusive where this machine has no core to spare
    assert result["error_rate"] == 1


def test_a_stall_is_charged_to_every_request_that_was_due_meanwhile() -> None:
    with Server() as server:
        result = load(server, "stall", connections=1, rate_per_second=100, duration_seconds=1.5)
    # one connection, stalled once: a closed loop would report a single slow request in 150
    assert result["max_ms"] >= 1000 * STALL_SECONDS
    assert result["p95_ms"] > 1000 * STALL_SECONDS / 4
    assert set(result["errors"]) <= {"not_sent"}


def test_what_could_not_be_sent_in_time_is_an_error_with_its_wait(shared: Server) -> None:
    result = load(shared, "slow", connections=1, request_timeout_seconds=1.0, rate_per_second=20, duration_seconds=0.5)
    assert result["errors"] == {"timeout": 1, "not_sent": 9}
    assert result["p50_ms"] > 100


def test_redirects_are_found_once_and_judged(shared: Server) -> None:
    before = len(shared.seen)
    result = load(shared, "hop", follow_redirects=True)
    assert result["target"]["url"].endswith("/ok")
    assert result["verdict"] == "pass"
    assert len(shared.seen) - before == 2 + 20
    for name in ("away", "round"):
        with pytest.raises(TargetRefused):
            load(shared, name, follow_redirects=True)


def test_nothing_is_sent_to_a_target_that_is_not_allowed(shared: Server) -> None:
    before = len(shared.seen)
    for url in (
        f"http://localhost.:{shared.port}/ok",
        f"http://0.0.0.0:{shared.port}/ok",
        f"http://[::1]:{shared.port}/ok",
    ):
        with pytest.raises(TargetRefused):
            run_test(PerformanceTest(url=url), Recorder("example.com", f"127.0.0.1:{shared.port + 1}"))
    assert len(shared.seen) == before


def test_a_name_is_sent_to_its_judged_address_and_keeps_its_host_header(shared: Server) -> None:
    before = len(shared.seen)
    payload = PerformanceTest(
        url=f"http://localhost:{shared.port}/ok", rate_per_second=10, duration_seconds=0.2, warm_up_seconds=0
    )
    result = run_test(payload, Recorder(f"127.0.0.1:{shared.port}"))
    assert result["succeeded"] == 2
    assert {host for _, host, _ in shared.seen[before:]} == {f"localhost:{shared.port}"}


def test_an_address_nobody_listens_on_is_passed_over(shared: Server) -> None:
    """A name has two addresses, the first of them dead."""
    url = f"http://localhost:{shared.port}/ok"
    named = [Target(url, "http", "localhost", shared.port, address, "localhost") for address in ("::1", "127.0.0.1")]
    aimed = asyncio.run(ask_in_turn(PerformanceTest(url=url), named))
    assert aimed.request.target.address == "127.0.0.1"
    assert aimed.first.status == 200


def test_an_unreachable_target_fails_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    payload = PerformanceTest(url=f"http://127.0.0.1:{port}/", duration_seconds=300, rate_per_second=1)
    result = run_test(payload, Recorder("127.0.0.1"))
    assert result["verdict"] == "fail"
    assert "cannot be reached" in result["reasons"][0]
    assert result["errors"] == {"connection_refused": 1}


def test_speaking_tls_to_a_plain_server_is_named(shared: Server) -> None:
    result = load(shared, "ok", url=f"https://127.0.0.1:{shared.port}/ok")
    assert result["verdict"] == "fail"
    assert set(result["errors"]) <= {"tls", "connection_broken", "connection_refused"}


def test_progress_rises_to_the_end(shared: Server) -> None:
    run = Recorder("127.0.0.0/8")
    payload = PerformanceTest(
        url=f"http://127.0.0.1:{shared.port}/ok", rate_per_second=5, duration_seconds=1.2, warm_up_seconds=1.2
    )
    run_test(payload, run)
    fractions = [fraction for fraction, _ in run.told]
    assert fractions == sorted(fractions)
    assert {message for _, message in run.told} == {"warming up", "measuring"}
    assert 0 == fractions[0] < fractions[-1] <= 1
