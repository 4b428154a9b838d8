"""Which programs make a fleet, and how is each started?

The same commands everywhere: under the supervisor, under honcho, in a container.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fleet import catalogue
from fleet.errors import UnknownName
from fleet.settings import current, load
from fleet.supervisor import valkey

MAINTENANCE = "maintenance"
FAST_FLAGS = ("--without-gossip", "--without-mingle")


@dataclass(frozen=True, slots=True)
class Program:
    """A child process: its name, command line and extra environment."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    grace_seconds: float = 10.0
    """How long SIGTERM may take before it is killed."""


def _celery_level() -> str:
    """Celery's own level: the first of `INFO,scaling=DEBUG`; the rest is per subsystem, and the fleet's logs read it."""
    return current().telemetry.log_level.partition(",")[0]


def celery(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", "-A", "fleet.app", *arguments)


def worker(pool: str, index: str = "") -> Program:
    """A worker process of a pool: one replica."""
    declared = catalogue.current()
    name = f"{pool}.{index}" if index else pool
    if pool == MAINTENANCE:
        queue, slots, process, grace = "fleet.maintenance", 1, "solo", 30.0
    elif row := declared.pool(pool):
        queue, slots, process, grace = row.queue, row.slots, row.process, row.grace_seconds
    else:
        raise UnknownName("pool", pool, [*declared.pools, MAINTENANCE])
    node = f"{name}@{socket.gethostname()}"
    command = celery(
        "worker",
        "-Q",
        queue,
        "-c",
        str(slots),
        "-P",
        process,
        "-n",
        node,
        "-l",
        _celery_level(),
        *FAST_FLAGS,
    )
    return Program(name, command, {"FLEET_POOL": pool}, grace)


def beat() -> Program:
    """The scheduler: two may run, each job fires once."""
    state = current().state_dir.absolute()
    state.mkdir(parents=True, exist_ok=True)
    return Program(
        "beat", celery("beat", "-s", str(state / "beat-schedule"), "-l", _celery_level(), "--pidfile=")
    )


def flower(port: int, user: str, password: str) -> Program:
    """Flower, never open: basic authentication is always on. The password travels by environment, not by command line."""
    return Program("flower", flower_command(port, "127.0.0.1"), {"FLOWER_BASIC_AUTH": f"{user}:{password}"})


def flower_command(port: int, address: str) -> tuple[str, ...]:
    """Flower with the Fleet tab; a path names the tab's configuration, because what is above is not imported."""
    configuration = Path(__file__).parents[1] / "flower_tab" / "flowerconfig.py"
    return celery("flower", f"--conf={configuration}", f"--port={port}", f"--address={address}", "--max-tasks=10000")


def own(name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Program:
    """One of the fleet's own commands as a program."""
    return Program(name, (sys.executable, "-m", "fleet.cli.main", *arguments), environment or {})


def llm_server(port: int, api_key: str, threads: int = 1) -> Program:
    """The machine's one model server; a string names it, because the fleet never imports its programs."""
    state = str(current().state_dir.absolute())
    command = (
        sys.executable,
        "-m",
        "workers.llm.server",
        "--port",
        str(port),
        "--state-dir",
        state,
        "--threads",
        str(threads),
    )
    return Program("llm", command, {"FLEET_LLM__API_KEY": api_key})


def become(program: Program) -> None:
    """Replace this process by the program (what `fleet worker POOL` does in a container)."""
    os.environ.update(program.environment)
    os.execv(program.command[0], list(program.command))


def port(setting: str) -> int:
    """Return the port somebody configured, else a free one: several fleets may run on one machine."""
    effective = load()
    group, field = setting.split(".")
    configured: int = getattr(getattr(effective.settings, group), field)
    return configured if setting in effective.origins and configured else valkey.free_port()
