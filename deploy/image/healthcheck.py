"""Is the program in this container healthy? Exit code 0 says yes.

One image runs many programs, so the first process's arguments tell which question to ask: the port of a server, or
`fleet probe` for a program without one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path

PAGES = {"gateway": "http://127.0.0.1:8080/health", "flower": "http://127.0.0.1:5555/healthcheck", "metrics": "http://127.0.0.1:9808/metrics"}
PROBES = {"beat": ["fleet", "probe", "beat"], "maintenance": ["fleet", "probe", "worker", "maintenance"]}
TIMEOUT_SECONDS = 10


def program(command_line: Sequence[str]) -> list[str]:
    """Return what stands behind `fleet`: ["worker", "code_generator"]."""
    for position, argument in enumerate(command_line):
        if os.path.basename(argument) == "fleet":
            return list(command_line[position + 1 :])
    return []


def healthy(words: Sequence[str]) -> bool:
    """Ask the program's own question."""
    match list(words):
        case [name, *_] if name in PAGES:
            with urllib.request.urlopen(PAGES[name], timeout=TIMEOUT_SECONDS) as answer:
                return bool(answer.status == 200)
        case ["scaler", *_]:
            return _scaler_serves()
        case [name, *_] if name in PROBES:
            return _asks(PROBES[name])
        case ["worker", pool, *_]:
            return _asks(["fleet", "probe", "worker", pool])
        case _:
            return True  # a command that ends by itself


def _asks(command: Sequence[str]) -> bool:
    return subprocess.run(command, timeout=TIMEOUT_SECONDS, check=False).returncode == 0


def _scaler_serves() -> bool:
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel("127.0.0.1:9090") as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_SECONDS)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def main() -> None:
    words = program(Path("/proc/1/cmdline").read_text().split("\0"))
    try:
        sys.exit(0 if healthy(words) else 1)
    except Exception as error:
        sys.exit(f"{' '.join(words)}: {error}")


if __name__ == "__main__":
    main()
