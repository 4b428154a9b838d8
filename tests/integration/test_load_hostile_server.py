"""Does a server that breaks the protocol, or the trust, only hurt its own verdict?"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from workers.performance_tester.payload import PerformanceTest
from workers.performance_tester.test import run_test
from workers.safety.targets import TargetRefused

Talk = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class Quiet:
    """Allows the loopback and wants no progress."""

    allowed_targets = ("127.0.0.0/8",)

    def progress(self, fraction: float, message: str) -> None:
        assert 0 <= fraction <= 1, message


@contextmanager
def serving(talk: Talk) -> Iterator[int]:
    """Give every connection to `talk`, in one thread, until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.settimeout(5)
                    talk(connection)
                except OSError:
                    pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def saying(answer: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    return talk


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\xff garbage\r\n\r\n",
        b"HTTP/9.9 999 WAT\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Many: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x00\x00"[:40],
    ],
)
def test_broken_answers_are_counted_as_errors(answer: bytes) -> None:
    with serving(saying(answer)) as port:
        payload = PerformanceTest(
            url=f"http://127.0.0.1:{port}/",
            rate_per_second=20,
            duration_seconds=0.2,
            warm_up_seconds=0,
            request_timeout_seconds=2,
        )
        result = run_test(payload, Quiet())
    assert result["verdict"] != "pass"
    assert result["succeeded"] == 0
    assert sum(result["errors"].values()) == result["requests"]


@pytest.mark.parametrize(
    "location", ["http://[", "ftp://x/", "http://169.254.169.254/", "//", "http://\xff/", "http://a b/"]
)
def test_odd_redirects_are_refused(location: str) -> None:
    answer = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
    with serving(saying(answer)) as port:
        payload = PerformanceTest(url=f"http://127.0.0.1:{port}/", follow_redirects=True)
        with pytest.raises(TargetRefused):
            run_test(payload, Quiet())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for `localhost` with its key, and the authority that only who is told trusts."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    authority = trustme.CA()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(path)
    authority.cert_pem.write_to_path(path, append=True)
    return path


def over_tls(certificate: Path) -> Talk:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(65536)
            secured.sendall(OK)

    return talk


PROGRAM = """
import json, sys
from workers.performance_tester.payload import PerformanceTest
from workers.performance_tester.test import run_test

class Run:
    allowed_targets = ("127.0.0.0/8",)
    def progress(self, fraction, message): pass

payload = PerformanceTest(url=sys.argv[1], rate_per_second=10, duration_seconds=0.2, warm_up_seconds=0)
print(json.dumps(run_test(payload, Run())))
"""


@pytest.mark.parametrize(
    ("host", "trusted", "errors"),
    [("localhost", True, '"errors": {}'), ("localhost", False, '{"tls":'), ("127.0.0.1", True, '{"tls":')],
)
def test_a_pinned_name_is_still_checked_against_the_certificate(
    certificate: Path, host: str, trusted: bool, errors: str
) -> None:
    """The trust store is read when a process starts, so each case has its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    if trusted:
        environment["SSL_CERT_FILE"] = str(certificate)
    with serving(over_tls(certificate)) as port:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, f"https://{host}:{port}/"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
    assert errors in done.stdout
