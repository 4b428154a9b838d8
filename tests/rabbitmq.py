"""How does a test get a real RabbitMQ? The Debian package's server as a plain process, everything in a scratch folder."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import kombu
from eventually import eventually

from fleet.supervisor.valkey import die_with_parent, free_port

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
CONTROL = "/usr/lib/rabbitmq/bin/rabbitmqctl"
CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{port}
default_user = fleet
default_pass = in-a-scratch-folder
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 50MB
log.file.level = warning
"""


@dataclass(slots=True)
class RabbitMQ:
    """One node and the name server Erlang wants beside it."""

    directory: Path
    port: int
    ports: tuple[int, int]
    process: subprocess.Popen[bytes]
    names: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Without a virtual host: `add_vhost` returns one to append; the server's own is `/`."""
        return f"amqp://fleet:in-a-scratch-folder@127.0.0.1:{self.port}/"

    def answers(self) -> bool:
        assert self.process.poll() is None, (self.directory / "out").read_text()[-2000:]
        with kombu.Connection(self.url + "/", connect_timeout=2) as connection:
            connection.channel()
        return True

    def add_vhost(self) -> str:
        """Make an empty virtual host and return its name."""
        name = secrets.token_hex(4)
        for command in (("add_vhost", name), ("set_permissions", "-p", name, "fleet", ".*", ".*", ".*")):
            subprocess.run([CONTROL, *command], env=_environment(self.directory, self.ports), check=True, capture_output=True)
        return name

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def restart(self) -> None:
        self.process = _serve(self.directory, self.ports)
        eventually(self.answers, timeout=60, interval=0.2)

    def stop(self) -> None:
        self.kill()
        self.names.kill()
        self.names.wait(10)


def start(directory: Path) -> RabbitMQ:
    """Start a node of its own and wait until it answers (about four seconds)."""
    port, ports = free_port(), (free_port(), free_port())
    (directory / "rabbitmq.conf").write_text(CONFIGURATION.format(port=port))
    (directory / "plugins").write_text("[].\n")
    names = subprocess.Popen(["epmd", "-port", str(ports[0])], env=_environment(directory, ports), preexec_fn=die_with_parent)
    broker = RabbitMQ(directory, port, ports, _serve(directory, ports), names)
    eventually(broker.answers, timeout=60, interval=0.2)
    return broker


def _serve(directory: Path, ports: tuple[int, int]) -> subprocess.Popen[bytes]:
    with (directory / "out").open("ab") as out:
        return subprocess.Popen([SERVER], env=_environment(directory, ports), stdout=out, stderr=out, preexec_fn=_own_group)


def _own_group() -> None:
    os.setpgid(0, 0)
    die_with_parent()


def _environment(directory: Path, ports: tuple[int, int]) -> dict[str, str]:
    names, distribution = ports
    return {
        "PATH": os.environ["PATH"], "HOME": str(directory), "LANG": "C.UTF-8", "ERL_EPMD_PORT": str(names), "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"fleet{distribution}@localhost", "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq"), "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
        "RABBITMQ_LOG_BASE": str(directory / "log"), "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
    }  # fmt: skip
