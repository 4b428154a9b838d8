"""Which S3 server does a test talk to? moto's, over HTTP, in a process of its own, as any S3-compatible server would be."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from eventually import eventually

from fleet.supervisor.valkey import free_port

SERVE = "import sys; from moto.server import main; main(['-H', '127.0.0.1', '-p', sys.argv[1]])"


@contextmanager
def s3(bucket: str) -> Iterator[str]:
    """Start the server and make the bucket; yields the server's address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        eventually(lambda: _answers(url), 60)
        httpx.put(f"{url}/{bucket}").raise_for_status()
        yield url
    finally:
        process.kill()
        process.wait(timeout=10)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code < 500
    except httpx.HTTPError:
        return False
