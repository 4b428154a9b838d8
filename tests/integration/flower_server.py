"""How do tests run the fleet's real Flower, with the Fleet tab, behind a password?"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from eventually import eventually

from fleet.supervisor import programs, valkey

LOGIN = ("operator", "open-sesame")


@contextmanager
def flower(folder: Path, **environment: str) -> Iterator[httpx.Client]:
    """Start Flower over the settings that apply now; yields a client that is logged in."""
    port = valkey.free_port()
    program = programs.flower(port, *LOGIN)
    (folder / "agents").mkdir()
    (folder / "agents" / "nothing.py").touch()  # the module the rig's agent types name
    with (folder / "flower.log").open("w") as log:
        process = subprocess.Popen(
            program.command,
            env={**os.environ, **program.environment, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=LOGIN, timeout=15) as client:
            eventually(lambda: client.get("/healthcheck").status_code == 200, timeout=30)
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def token(page: str) -> str:
    """Return the page's XSRF token."""
    found = re.search(r'name="_xsrf" value="([^"]+)"', page)
    assert found, page
    return found.group(1)
