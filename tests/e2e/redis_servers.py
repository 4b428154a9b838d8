"""Which real Redis servers does PyPI not have? One that speaks TLS, and a primary with a replica and a sentinel: Debian's."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from eventually import eventually

from fleet.supervisor import valkey

PASSWORD = "of-this-test"  # pragma: allowlist secret
NAME = "primary"


def binary() -> str:
    found = shutil.which("redis-server")
    assert found, "redis-server is not installed: make apt"
    return found


def start(folder: Path, lines: list[str], *flags: str) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "redis.conf"
    file.write_text("\n".join(["bind 127.0.0.1", "daemonize no", f"dir {folder}", "loglevel notice", *lines]) + "\n")
    with (folder / "redis.log").open("ab") as log:
        return subprocess.Popen([binary(), str(file), *flags], stdout=log, stderr=log, preexec_fn=valkey.die_with_parent)


def end(*processes: subprocess.Popen[bytes]) -> None:
    for process in processes:
        process.kill()
        process.wait(10)


@contextmanager
def with_tls(folder: Path) -> Iterator[valkey.Broker]:
    """A server that answers on TLS only, with a certificate of an authority made for it."""
    port, key, cert = valkey.free_port(), folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    tls = [f"tls-port {port}", "port 0", f"tls-cert-file {cert}", f"tls-key-file {key}", f"tls-ca-cert-file {cert}", "tls-auth-clients no"]
    process = start(folder, [*tls, f"requirepass {PASSWORD}", "appendonly yes"])
    url = f"rediss://:{PASSWORD}@127.0.0.1:{port}/0?ssl_ca_certs={cert}"
    with redis.Redis.from_url(url) as client:
        eventually(client.ping)
    try:
        yield valkey.Broker(process, url, port)
    finally:
        end(process)


@dataclass(slots=True)
class Trio:
    """A primary, its replica and who promotes it."""

    url: str
    servers: dict[int, subprocess.Popen[bytes]]
    sentinel_port: int

    def primary(self) -> int:
        """The port of the primary, as the sentinel knows it."""
        with redis.Redis(port=self.sentinel_port) as client:
            return int(client.sentinel_get_master_addr_by_name(NAME)[1])  # type: ignore[no-untyped-call]

    def is_settled(self) -> bool:
        """Whether the sentinel takes its primary for well: clients refuse one that it suspects."""
        with redis.Redis(port=self.sentinel_port) as client:
            primary = client.sentinel_masters()[NAME]  # type: ignore[no-untyped-call]
            return bool(primary["is_master"] and not primary["is_sdown"] and not primary["is_odown"])

    def kill_primary(self) -> int:
        """SIGKILL the primary; returns its port."""
        port = self.primary()
        end(self.servers[port])
        return port


@contextmanager
def with_sentinel(folder: Path) -> Iterator[Trio]:
    """A primary and a replica, and a sentinel that promotes the replica a second after the primary fell silent."""
    first, second, watch = valkey.free_port(), valkey.free_port(), valkey.free_port()
    shared = [f"requirepass {PASSWORD}", f"masterauth {PASSWORD}", "appendonly yes", "repl-diskless-sync-delay 0"]
    servers = {
        first: start(folder / "first", [f"port {first}", *shared]),
        second: start(folder / "second", [f"port {second}", f"replicaof 127.0.0.1 {first}", *shared]),
    }
    told = [
        f"port {watch}", f"sentinel monitor {NAME} 127.0.0.1 {first} 1", f"sentinel auth-pass {NAME} {PASSWORD}",
        f"sentinel down-after-milliseconds {NAME} 1000", f"sentinel failover-timeout {NAME} 5000",
    ]  # fmt: skip
    with redis.Redis(port=first, password=PASSWORD) as client:
        eventually(lambda: client.info("replication").get("slave0", {}).get("state") == "online", timeout=30)
    sentinel = start(folder / "sentinel", told, "--sentinel")
    with redis.Redis(port=watch) as client:
        eventually(lambda: len(client.sentinel_slaves(NAME)) == 1, timeout=30)  # type: ignore[no-untyped-call]
    try:
        yield Trio(f"sentinel://:{PASSWORD}@127.0.0.1:{watch}/0?master_name={NAME}", servers, watch)
    finally:
        end(sentinel, *servers.values())
