"""Does a notification go only where it may, to the very address that was judged?"""

from __future__ import annotations

import socket
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest
from conftest import forget_facts
from pytest_httpserver import HTTPServer

from fleet.alerts.notifiers import address
from fleet.alerts.notifiers.address import Forbidden, pinned
from fleet.alerts.notifiers.post import post


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Let every name have these addresses; returns the names that were asked for, as they are asked."""
    asked: list[str] = []

    def answer(host: str) -> list[str]:
        asked.append(host)
        return list(addresses)

    monkeypatch.setattr(address, "resolve", answer)
    return asked


@pytest.mark.parametrize("given", ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1"])
def test_what_is_link_local_or_no_host_gets_nothing(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    resolving(monkeypatch, given)
    with pytest.raises(Forbidden, match="gets no notifications"):
        pinned("https://hooks.example/x", ())


@pytest.mark.parametrize(
    ("allowed", "good"),
    [(("10.1.0.0/16",), True), (("hooks.example",), True), (("HOOKS.example", "::/0"), True), (("10.2.0.0/16",), False), (("example",), False), ((), True)],
)
def test_an_allow_list_of_hosts_and_networks(monkeypatch: pytest.MonkeyPatch, allowed: tuple[str, ...], good: bool) -> None:
    resolving(monkeypatch, "10.1.2.3")
    if good:
        assert [str(url) for url in pinned("https://hooks.example:8443/x?y=1", allowed)] == ["https://10.1.2.3:8443/x?y=1"]
    else:
        with pytest.raises(Forbidden, match="allowed_addresses"):
            pinned("https://hooks.example:8443/x?y=1", allowed)


def test_only_the_good_addresses_of_a_name_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, "169.254.169.254", "10.1.2.3", "fd00::1")
    assert [url.host for url in pinned("http://hooks.example/", ())] == ["10.1.2.3", "fd00::1"]


def test_a_post_asks_once_and_reaches_the_address_under_its_own_name(monkeypatch: pytest.MonkeyPatch, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook", method="POST").respond_with_data("ok")
    asked = resolving(monkeypatch, "::1", "127.0.0.1")
    assert post(f"http://hooks.example:{httpserver.port}/hook", b"{}", {}, 5).answer == "told"
    assert asked == ["hooks.example"], "not asked again for the second address, nor to connect"
    [(request, _)] = httpserver.log
    assert request.headers["host"] == f"hooks.example:{httpserver.port}"


def test_a_forbidden_address_is_told_once_and_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_ALERTS__ALLOWED_ADDRESSES", "hooks.example,10.0.0.0/8")
    forget_facts()
    outcome = post("http://127.0.0.1:9/hook", b"{}", {}, 5)
    monkeypatch.undo()
    forget_facts()
    assert outcome.answer == "never"
    assert "alerts.allowed_addresses" in outcome.reason


def test_the_certificate_is_judged_by_the_name_not_by_the_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=hooks.example",
         "-addext", "subjectAltName=DNS:hooks.example", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    with HTTPServer(ssl_context=context) as server:
        server.expect_request("/hook", method="POST").respond_with_data("ok")
        resolving(monkeypatch, "127.0.0.1")
        assert post(f"https://hooks.example:{server.port}/hook", b"{}", {}, 5).answer == "told"
        other = post(f"https://another.example:{server.port}/hook", b"{}", {}, 5)
    assert (other.answer, "ertificate" in other.reason) == ("later", True)


def test_a_name_that_does_not_resolve_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_host: str) -> list[str]:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(address, "resolve", nobody)
    with pytest.raises(httpx.ConnectError):
        pinned("https://hooks.example/", ())
    assert post("https://hooks.example/", b"{}", {}, 5).answer == "later"


def test_behind_a_proxy_the_proxy_resolves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    assert [str(url) for url in pinned("https://hooks.example/x", ())] == ["https://hooks.example/x"]
    with pytest.raises(Forbidden):
        pinned("https://hooks.example/x", ("other.example",))
