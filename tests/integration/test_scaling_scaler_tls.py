"""Does the scaler only talk to whom its certificates admit, and is a renewed one served without a restart?

The program as the chart starts it, asked by the chart's own `helm test`.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
import trustme
from cryptography import x509

HOOK = Path(__file__).parents[2] / "charts/fleet/files/tests/scaler.py"


@dataclass
class Party:
    """A folder as a mounted Secret looks: tls.crt, tls.key, ca.crt."""

    folder: Path

    def given(self, authority: trustme.CA, trusts: trustme.CA) -> Party:
        self.folder.mkdir(exist_ok=True)
        issued = authority.issue_cert("127.0.0.1")
        issued.private_key_pem.write_to_path(self.folder / "tls.key")
        issued.cert_chain_pems[0].write_to_path(self.folder / "tls.crt")
        trusts.cert_pem.write_to_path(self.folder / "ca.crt")
        return self

    def option(self, name: str, file: str) -> str:
        return f"--{name}={self.folder / file}"

    def serial(self) -> int:
        return x509.load_pem_x509_certificate((self.folder / "tls.crt").read_bytes()).serial_number


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def scaler(tmp_path: Path, authority: trustme.CA) -> Party:
    return Party(tmp_path / "scaler").given(authority, authority)


@pytest.fixture
def port(scaler: Party, store: redis.Redis) -> Iterator[int]:
    arguments = [
        *(sys.executable, "-m", "fleet.cli.main", "scaler", "--listen", "127.0.0.1:0", "--json"),
        scaler.option("tls-certificate", "tls.crt"),
        scaler.option("tls-key", "tls.key"),
        scaler.option("client-authority", "ca.crt"),
    ]
    with subprocess.Popen(arguments, env=dict(os.environ), stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        yield json.loads(program.stdout.readline())["port"]
        program.terminate()


def asked(port: int, certificates: Path) -> subprocess.CompletedProcess[str]:
    """What `helm test` says, with these certificates mounted."""
    script = HOOK.read_text().replace("@ADDRESS@", f"127.0.0.1:{port}")
    script = script.replace("/etc/fleet-scaler-tls", str(certificates)).replace("timeout=20", "timeout=5")
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)


def served(port: int, party: Party) -> int:
    """The serial number of the certificate that the scaler shows."""
    context = ssl.create_default_context(cafile=str(party.folder / "ca.crt"))
    context.load_cert_chain(party.folder / "tls.crt", party.folder / "tls.key")
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname="127.0.0.1") as secured,
    ):
        shown = secured.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


def test_who_shows_a_certificate_of_the_authority_is_answered(port: int, tmp_path: Path, authority: trustme.CA) -> None:
    said = asked(port, Party(tmp_path / "keda").given(authority, authority).folder)
    assert said.stdout == "scaler serves\n", said.stderr


def test_nobody_else_is(port: int, tmp_path: Path, authority: trustme.CA) -> None:
    stranger = Party(tmp_path / "stranger").given(trustme.CA(), authority)
    assert "StatusCode.UNAVAILABLE" in asked(port, stranger.folder).stderr
    for file in ("tls.crt", "tls.key"):
        (stranger.folder / file).unlink()
    assert "StatusCode.UNAVAILABLE" in asked(port, stranger.folder).stderr
    shutil.rmtree(stranger.folder)
    assert "StatusCode.UNAVAILABLE" in asked(port, stranger.folder).stderr


def test_a_renewed_certificate_is_served_without_a_restart(
    port: int, scaler: Party, tmp_path: Path, authority: trustme.CA
) -> None:
    keda = Party(tmp_path / "keda").given(authority, authority)
    first = scaler.serial()
    assert served(port, keda) == first
    assert scaler.given(authority, authority).serial() != first
    assert served(port, keda) == scaler.serial()
    (scaler.folder / "tls.crt").unlink()
    assert asked(port, keda.folder).stdout == "scaler serves\n"
