"""How does this machine serve its own language model?

`python -m workers.llm.server --port P --state-dir D` runs one OpenAI-compatible server that every worker of the machine
shares: a model per worker child would cost its memory and threads each time. It listens on the loopback only, wants the
key in `FLEET_LLM__API_KEY`, answers `GET /health` once the model is loaded, and dies with the process that started it.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fleet.errors import ConfigurationError, Conflict, FleetError
from workers.llm import weights

KEY_VARIABLE = "FLEET_LLM__API_KEY"
ADDRESS = "127.0.0.1"
LOCK_FILE, RECORD_FILE = "llm.lock", "llm.json"
CONTEXT_TOKENS = 4096
"""Shared by the slots: each sees its part of it."""
PARALLEL = 2
REQUEST_TIMEOUT_SECONDS = 600
PROMPT_CACHE_MEBIBYTES = 64
"""The library's default would let it grow to 8 GiB."""
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What to serve, where, and with how much of the machine."""

    port: int
    state_dir: Path
    weights: weights.Weights
    threads: int


def plan(arguments: Sequence[str]) -> Plan:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m workers.llm.server", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on the loopback")
    parser.add_argument(
        "--state-dir", type=Path, required=True, help="where the lock and the record of the server live"
    )
    parser.add_argument(
        "--model", type=Path, default=None, help=f"a GGUF file (default: ${weights.VARIABLE}, else installed)"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads; more than there are free cores slows it down")
    given = parser.parse_args(arguments)
    if not 1 <= given.port <= 65535:
        raise ConfigurationError(f"--port {given.port} is not between 1 and 65535")
    if not 1 <= given.threads <= 256:
        raise ConfigurationError(f"--threads {given.threads} is not between 1 and 256")
    return Plan(given.port, given.state_dir, weights.find(given.model), given.threads)


def take_lock(state_dir: Path) -> IO[str]:
    """Become the only server of this state directory, or refuse; the lock ends with the process."""
    state_dir.mkdir(parents=True, exist_ok=True)
    file = (state_dir / LOCK_FILE).open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise Conflict(
            f"a local model server already runs on state directory {str(state_dir)!r}; use that one"
        ) from None
    return file


def die_with_parent() -> None:
    """Ask the kernel to end this process when its parent ends, and end now if it already has."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def serve(the_plan: Plan, api_key: str) -> Any:
    """Load the model and answer until the process ends; returns the running server, whose life is the reference's."""
    import xllamacpp  # 34 MB of native code: only the server program pays for it

    params = xllamacpp.CommonParams()
    params.model.path = str(the_plan.weights.path)
    params.model_alias = {the_plan.weights.model}
    params.hostnames = [ADDRESS]
    params.port = the_plan.port
    params.api_keys = [api_key]
    params.n_ctx, params.n_parallel = CONTEXT_TOKENS * PARALLEL, PARALLEL
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = the_plan.threads
    params.offline, params.ui, params.endpoint_slots, params.verbosity = True, False, False, -1
    params.cors_origins, params.cors_credentials = f"http://{ADDRESS}:{the_plan.port}", False
    params.timeout_read = params.timeout_write = REQUEST_TIMEOUT_SECONDS
    params.cache_ram_mib = PROMPT_CACHE_MEBIBYTES
    return xllamacpp.Server(params)


def main(arguments: Sequence[str]) -> int:
    """Run the program; the exit code says whether it ever served."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    die_with_parent()
    try:
        the_plan = plan(arguments)
        api_key = os.environ.get(KEY_VARIABLE) or ""
        if not api_key:
            raise ConfigurationError(f"{KEY_VARIABLE} is empty: the server does not answer strangers; set a random key")
        lock = take_lock(the_plan.state_dir)
        server = serve(the_plan, api_key)
    except FleetError as exc:
        print(f"llm server: {exc}", file=sys.stderr)
        return 2
    except RuntimeError as exc:  # what the native server raises for a busy port or a broken model file
        print(f"llm server: cannot serve on {ADDRESS}:{the_plan.port}: {exc}", file=sys.stderr)
        return 1
    _record(the_plan)
    print(f"llm server: {the_plan.weights.model} on http://{ADDRESS}:{the_plan.port}/v1", flush=True)
    stop.wait()
    (the_plan.state_dir / RECORD_FILE).unlink(missing_ok=True)
    del server, lock
    return 0


def _record(the_plan: Plan) -> None:
    """Write down who serves what where, replacing the file in one step."""
    record = {
        "base_url": f"http://{ADDRESS}:{the_plan.port}/v1",
        "model": the_plan.weights.model,
        "pid": os.getpid(),
        "threads": the_plan.threads,
    }
    fresh = the_plan.state_dir / f"{RECORD_FILE}.{secrets.token_hex(4)}"
    fresh.write_text(json.dumps(record, indent=2) + "\n")
    fresh.replace(the_plan.state_dir / RECORD_FILE)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # the native server's threads do not join at interpreter exit
