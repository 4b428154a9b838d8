"""Which URLs may be sent to, and to which address?"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from fleet.errors import ConfigurationError
from workers.performance_tester.client import Client, Request
from workers.safety.allow_list import parse_entry, plain, reserved_as
from workers.safety.targets import Target, TargetRefused, pin, pin_all, pin_redirect

PUBLIC, PRIVATE, METADATA = "93.184.215.14", "10.1.2.3", "169.254.169.254"


class Dns:
    """Answers every name with the same addresses."""

    def __init__(self, *addresses: str) -> None:
        self.addresses, self.asked = addresses, list[tuple[str, int]]()

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        if not self.addresses:
            raise OSError("no such name")
        return self.addresses


def admitted(url: str, allowed: list[str], *addresses: str) -> str:
    return pin(url, allowed, Dns(*addresses)).address


@pytest.mark.parametrize(
    ("url", "entry", "addresses", "pinned"),
    [
        ("http://app.example.com/x", "app.example.com", [PUBLIC], PUBLIC),
        ("https://APP.example.com./", "app.example.com:443", [PUBLIC], PUBLIC),
        ("https://a.b.example.com", "*.example.com", [PUBLIC], PUBLIC),
        ("http://app.example.com:8080", "app.example.com:8000-8999", [PUBLIC], PUBLIC),
        ("http://localhost:9/", "localhost:9", ["::1"], "::1"),
        ("http://localhost:9/", "127.0.0.1", ["::1", "127.0.0.1"], "127.0.0.1"),
        ("http://10.1.2.3/", "10.0.0.0/8", [], PRIVATE),
        ("http://inside.example/", "10.0.0.0/8:80", [PRIVATE], PRIVATE),
        ("http://[fd00::5]:81/", "[fd00::/8]:81", [], "fd00::5"),
        ("http://[::ffff:10.1.2.3]/", "10.1.2.3", [], PRIVATE),
        ("http://x.example/", "0.0.0.0/0", [PUBLIC], PUBLIC),
        ("http://169.254.169.254/", "169.254.169.254/32:80", [], METADATA),
    ],
)
def test_allowed(url: str, entry: str, addresses: list[str], pinned: str) -> None:
    assert admitted(url, [entry], *addresses) == pinned


@pytest.mark.parametrize(
    ("url", "entry", "addresses"),
    [
        ("http://other.example.com/", "app.example.com", [PUBLIC]),
        ("http://example.com/", "*.example.com", [PUBLIC]),
        ("http://notexample.com/", "*.example.com", [PUBLIC]),
        ("http://app.example.com:81/", "app.example.com:80", [PUBLIC]),
        # an allowed name that leads inside: the name alone does not open private addresses
        ("http://app.example.com/", "app.example.com", [PRIVATE]),
        ("http://app.example.com/", "app.example.com", [METADATA]),
        ("http://app.example.com/", "*.example.com", ["::1"]),
        ("http://app.example.com/", "app.example.com", ["::ffff:127.0.0.1"]),
        ("http://app.example.com/", "app.example.com", ["64:ff9b::a01:203"]),
        ("http://app.example.com/", "app.example.com", ["2002:a01:203::"]),
        ("http://localhost/", "localhost", [PRIVATE]),
        # the whole internet does not include what is behind it
        ("http://169.254.169.254/latest/meta-data", "0.0.0.0/0", []),
        ("http://127.0.0.1/", "0.0.0.0/0", []),
        ("http://[::1]/", "::/0", []),
        ("http://0.0.0.0/", "127.0.0.1", []),
        ("http://2130706433/", "app.example.com", ["127.0.0.1"]),
        ("http://0x7f.1/", "app.example.com", ["127.0.0.1"]),
        ("http://app.example.com/", "app.example.com", []),
    ],
)
def test_refused(url: str, entry: str, addresses: list[str]) -> None:
    with pytest.raises(TargetRefused) as refusal:
        admitted(url, [entry], *addresses)
    assert refusal.value.reason


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://app.example.com/",
        "file:///etc/passwd",
        "http://",
        "http:///x",
        "//app.example.com",
        "http://user:pass@app.example.com/",  # pragma: allowlist secret
        "http://user@app.example.com/",
        "http://app.example.com\\@evil.example/",
        "http://app.example.com /",
        "http://app.example.com\r\nHost: x/",
        "http://app.example.com:0/",
        "http://app.example.com:99999/",
        "http://app.example.com:x/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://app%2eexample.com/",
        "http://ａpp.example.com/",
        "http://app.example.com/" + "x" * 5000,
    ],
)
def test_what_is_no_plain_http_url_is_refused(url: str) -> None:
    with pytest.raises(TargetRefused):
        pin(url, ["*.example.com", "app.example.com"], Dns(PUBLIC))


def test_a_refusal_never_repeats_a_password() -> None:
    with pytest.raises(TargetRefused) as refusal:
        pin("http://user:hunter2@app.example.com/", ["app.example.com"], Dns(PUBLIC))  # pragma: allowlist secret
    assert "hunter2" not in str(refusal.value)


def test_all_allowed_addresses_are_given_and_only_those() -> None:
    found = pin_all("http://localhost/", ["localhost"], Dns("::1", PRIVATE, "127.0.0.1", METADATA))
    assert [target.address for target in found] == ["::1", "127.0.0.1"]


def test_dns_is_asked_once() -> None:
    dns = Dns(PUBLIC, PRIVATE)
    assert pin("http://app.example.com/", ["10.0.0.0/8", "app.example.com"], dns).address == PUBLIC
    assert dns.asked == [("app.example.com", 80)]


def test_an_empty_allow_list_allows_nothing_and_says_so() -> None:
    with pytest.raises(TargetRefused, match="allowed targets"):
        pin("http://app.example.com/", [], Dns(PUBLIC))


def test_a_name_that_does_not_resolve_is_refused() -> None:
    with pytest.raises(TargetRefused, match="cannot be resolved"):
        pin("http://app.example.com/", ["app.example.com"], Dns())


def test_the_refusal_of_a_private_address_says_what_to_allow() -> None:
    with pytest.raises(TargetRefused, match=r"allow '10\.1\.2\.3:8080'"):
        pin("http://db.example.com:8080/", ["db.example.com"], Dns(PRIVATE))


def test_a_redirect_is_judged_like_any_url() -> None:
    current = Target("https://app.example.com/a/b", "https", "app.example.com", 443, PUBLIC, "*.example.com")
    allowed = ["*.example.com"]
    assert pin_redirect(current, "../c?d", allowed, Dns(PUBLIC))[0].url == "https://app.example.com/c?d"
    assert pin_redirect(current, "//www.example.com/", allowed, Dns(PUBLIC))[0].host == "www.example.com"
    for location in (
        "http://app.example.com/",
        "https://evil.example/",
        "http://169.254.169.254/",
        "file:///etc/passwd",
    ):
        with pytest.raises(TargetRefused):
            pin_redirect(current, location, allowed, Dns(PUBLIC))
    with pytest.raises(TargetRefused):  # the name changed its address in between
        pin_redirect(current, "/next", allowed, Dns(METADATA))


syntax = st.sampled_from(["http://", "https:", "//", "@", ":", "#", "?", "%00", "%2f", "\\", "[", "]", ".", ":80", "/"])
hosts = st.sampled_from(["::1", "127.1", "0x7f", "a", "app.example.com", "evil.example", "xn--a"])
oddities = st.sampled_from(["\t", " ", "ａ", "\u2024", "\ud800"])
pieces = syntax | hosts | oddities


@given(st.lists(pieces, max_size=7).map("".join) | st.text(max_size=30))
def test_any_text_is_judged_or_refused_and_read_as_the_client_reads_it(url: str) -> None:
    try:
        target = pin(url, ["app.example.com", "*.example.com", "a", "127.0.0.0/8", "::1"], Dns("127.0.0.1", PUBLIC))
    except TargetRefused as refusal:
        str(refusal).encode("utf-8", "backslashreplace")
        return
    try:
        Client(Request(target, "GET", {}, None, 1.0), connections=1)
    except TargetRefused:
        return
    client_reads = URL(target.url)
    assert (client_reads.raw_host or "").rstrip(".") == target.host
    assert client_reads.port == target.port
    assert client_reads.user is None


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "http://x",
        "a b",
        "10.0.0.0/99",
        "10.0.0.1/8",
        "300.1.1.1",
        "[::1",
        "[::1]x",
        "host:0",
        "host:9-1",
        "host:x",
        "*",
    ],
)
def test_malformed_entries_are_named(entry: str) -> None:
    with pytest.raises(ConfigurationError, match="allowed target"):
        parse_entry(entry)


@given(st.ip_addresses())
def test_reserved_covers_everything_python_calls_not_global(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if not plain(address).is_global or plain(address).is_multicast:
        assert reserved_as(plain(address)) is not None


@given(st.ip_addresses(), st.sampled_from(["*.example.com", "app.example.com", "0.0.0.0/0", "::/0", "128.0.0.0/1"]))
def test_no_wide_entry_opens_a_reserved_address(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, entry: str
) -> None:
    if parse_entry(entry).admits("app.example.com", 80, plain(address)):
        assert plain(address).is_global
