"""How fast is the gateway beside a bare Starlette route that does one Redis round trip?

Both run under uvicorn in processes of their own, are loaded in turns by the same client, and answer the same kind of
request. `python tests/benchmarks/gateway_speed.py REDIS_URL` prints requests a second, latencies, and the processor time
a request costs as JSON; the last compares fairly on a machine that others use too.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psutil

CONNECTIONS, SECONDS, ROUNDS = 16, 4.0, 3

BARE = """
import os
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from fleet.store.client import connect
client = connect(os.environ["FLEET_BROKER__URL"])
async def read(request):
    return JSONResponse(await run_sync(client.hgetall, "bench"))
app = Starlette(routes=[Route("/read", read)])
"""


async def load(port: int, path: str, headers: str, seconds: float) -> list[float]:
    """Return the latency of every answered request."""
    request = f"GET {path} HTTP/1.1\r\nhost: x\r\n{headers}\r\n".encode()
    until, taken = time.perf_counter() + seconds, []

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < until:
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head.split(b"\r\n")[0], head
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            taken.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return taken


def serve(target: str, port: int, environment: dict[str, str], *extra: str) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        target,
        "--port",
        str(port),
        "--log-level",
        "warning",
        "--no-access-log",
        *extra,
    ]
    process = subprocess.Popen(command, env=environment)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/read", timeout=1).close()
            return process
        except urllib.error.HTTPError:
            return process
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"{target} did not start")


def processor_seconds(process: subprocess.Popen[bytes]) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


def measure(redis_url: str) -> dict[str, object]:
    environment = {**os.environ, "FLEET_BROKER__URL": redis_url}
    os.environ.update(environment)
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from fleet.dispatcher import declare
    from fleet.dispatcher.submit import submit
    from fleet.secrets import api_keys
    from fleet.secrets.roles import Role
    from fleet.settings import current
    from fleet.store.client import connect

    client = connect()
    declare.publish()
    task = submit("code_generation", {"prompt": "A function"})
    key = api_keys.generate()
    api_keys.admit(client, current().cell, key, name="bench", tenant="*", role=Role.VIEWER, days=1)
    client.hset("bench", mapping={"field": "value", "other": "x" * 200})
    bearer = f"authorization: Bearer {key.get_secret_value()}\r\n"
    with TemporaryDirectory() as folder:
        Path(folder, "bare.py").write_text(BARE)
        bare = serve("bare:app", 18081, environment, "--app-dir", folder)
        gateway = serve("fleet.gateway.app:create", 18082, environment, "--factory")
        try:
            results: dict[str, list[float]] = {"bare": [], "gateway": []}
            costs: dict[str, list[float]] = {"bare": [], "gateway": []}
            latencies: list[float] = []
            for _ in range(ROUNDS):
                for name, process, port, path, headers in (
                    ("bare", bare, 18081, "/read", ""),
                    ("gateway", gateway, 18082, f"/api/v1/tasks/{task.id}", bearer),
                ):
                    before = processor_seconds(process)
                    taken = asyncio.run(load(port, path, headers, SECONDS))
                    results[name].append(len(taken) / SECONDS)
                    costs[name].append((processor_seconds(process) - before) / len(taken))
                    latencies += taken if name == "gateway" else []
        finally:
            for process in (bare, gateway):
                process.terminate()
                process.wait()
    per_second = {name: round(statistics.median(found)) for name, found in results.items()}
    return {
        "requests_per_second": per_second,
        "ratio": round(per_second["gateway"] / per_second["bare"], 2),
        "processor_ms_per_request": {name: round(statistics.median(found) * 1000, 2) for name, found in costs.items()},
        "gateway_p50_ms": round(statistics.median(latencies) * 1000, 1),
        "gateway_p99_ms": round(statistics.quantiles(latencies, n=100)[98] * 1000, 1),
        "connections": CONNECTIONS,
    }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1]), indent=2))
