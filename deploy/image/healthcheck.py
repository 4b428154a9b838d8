"""Is the program in this container healthy? Exit code 0 says yes.

One image runs many programs, so the first process's arguments tell which question to ask: the port of a server, `fleet probe`
for a worker, the age of the schedule for beat.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

PAGES = {
    "gateway": "http://127.0.0.1:8080/health",
    "flower": "http://127.0.0.1:5555/healthcheck",
    "metrics": "http://127.0.0.1:9808/health",
}
TIMEOUT_SECONDS = 10
BEAT_SECONDS = 600
"""Beat writes its schedule down every three minutes."""


def program(command_line: Sequence[str]) -> list[str]:
    """Return program and pool: of `fleet worker code_generator`, or of the Celery command it becomes."""
    words = [os.path.basename(word) for word in command_line]
    if "celery" in words:
        name = next((word for word in words if word in ("worker", "beat", "flower")), "")
        node = words[words.index("-n") + 1] if "-n" in words else ""
        return [name, node.partition("@")[0]] if node else [name]
    return words[words.index("fleet") + 1 :] if "fleet" in words else []


def healthy(words: Sequence[str]) -> bool:
    """Ask the program's own question."""
    match list(words):
        case [name, *_] if name in PAGES:
            with urllib.request.urlopen(PAGES[name], timeout=TIMEOUT_SECONDS) as answer:
                return bool(answer.status == 200)
        case ["scaler", *_]:
            return _scaler_serves()
        case ["beat", *_]:
            return beat_writes(Path(os.environ.get("FLEET_STATE_DIR", ".fleet")))
        case ["worker", pool, *_]:
            return _asks(["fleet", "probe", "worker", pool])
        case ["maintenance", *_]:
            return _asks(["fleet", "probe", "worker", "maintenance"])
        case _:
            return True  # a command that ends by itself


def beat_writes(state: Path) -> bool:
    """Tell whether beat wrote its schedule lately."""
    return any(time.time() - file.stat().st_mtime < BEAT_SECONDS for file in state.glob("beat-schedule*"))


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
