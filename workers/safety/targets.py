"""Which address may this URL be sent to?

A name is resolved once, every address it gives is judged by the allow-list, and the caller connects to the judged
address: asking DNS again later (rebinding) changes nothing. A redirect is a new URL and is judged again.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from fleet.errors import FleetError
from workers.safety.allow_list import Address, Entry, parse_entry, plain, reserved_as

Resolver = Callable[[str, int], Sequence[str]]

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_URL_LENGTH = 4096


class TargetRefused(FleetError):
    """A URL leads where the fleet may not send anything."""

    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"target {url[:200]!r} is refused: {reason}")


@dataclass(frozen=True, slots=True)
class Target:
    """A judged destination: the URL as asked for, and the one address to connect to."""

    url: str
    scheme: str
    host: str
    port: int
    address: str
    allowed_by: str


def resolve(host: str, port: int) -> list[str]:
    """Ask the operating system for the addresses of `host`."""
    return list(dict.fromkeys(str(answer[4][0]) for answer in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def pin(url: str, allowed: Sequence[str], resolver: Resolver = resolve) -> Target:
    """Judge `url` against the allow-list and return the address to connect to, or raise `TargetRefused`."""
    return pin_all(url, allowed, resolver)[0]


def pin_all(url: str, allowed: Sequence[str], resolver: Resolver = resolve) -> list[Target]:
    """Return every address of `url` that may be connected to, in the resolver's order; at least one, or raise."""
    scheme, host, port = _parts(url)
    entries = [parse_entry(text) for text in allowed]
    if not entries:
        raise TargetRefused(
            url, "no target is allowed here; list hosts, addresses or networks in the allowed targets setting"
        )
    addresses = _addresses(url, host, port, resolver)
    targets = []
    for address in addresses:
        entry = next((entry for entry in entries if entry.admits(host, port, address)), None)
        if entry is not None:
            targets.append(Target(url, scheme, host, port, str(address), entry.text))
    if not targets:
        raise TargetRefused(url, _refusal(host, port, addresses, entries))
    return targets


def pin_redirect(current: Target, location: str, allowed: Sequence[str], resolver: Resolver = resolve) -> list[Target]:
    """Judge where a redirect from `current` leads, as `pin_all` does; leaving https for http is refused."""
    try:
        following = pin_all(urljoin(current.url, location), allowed, resolver)
    except ValueError as exc:
        raise TargetRefused(location, f"it is not a URL ({exc})") from exc
    if current.scheme == "https" and following[0].scheme == "http":
        raise TargetRefused(following[0].url, f"the redirect from {current.url[:200]!r} leaves https for http")
    return following


def _parts(url: str) -> tuple[str, str, int]:
    """Take a URL apart into scheme, lower-case host and port."""
    if len(url) > MAX_URL_LENGTH:
        raise TargetRefused(url, f"it is longer than {MAX_URL_LENGTH} characters")
    if "\\" in url or any(character.isspace() or not character.isprintable() for character in url):
        raise TargetRefused(url, "it holds blanks, control characters or backslashes; percent-encode them")
    try:
        split = urlsplit(url)
        host, port = (split.hostname or "").rstrip("."), split.port
    except ValueError as exc:
        raise TargetRefused(url, f"it is not a URL ({exc})") from exc
    if split.scheme not in DEFAULT_PORTS or not host:
        raise TargetRefused(url, "it must start with http:// or https:// and name a host")
    if split.username is not None or split.password is not None:
        raise TargetRefused(url.replace(split.netloc, "…"), "it carries credentials; remove 'user:password@'")
    if port == 0 or "%" in host or not host.isascii():
        raise TargetRefused(
            url, "port 0 and scoped, percent-encoded or non-ASCII hosts are not judged; write 'xn--…' names"
        )
    return split.scheme, host, port or DEFAULT_PORTS[split.scheme]


def _addresses(url: str, host: str, port: int, resolver: Resolver) -> list[Address]:
    try:
        found = [ipaddress.ip_address(host)]
    except ValueError:
        try:
            found = [ipaddress.ip_address(text.partition("%")[0]) for text in resolver(host, port)]
        except (OSError, UnicodeError) as exc:
            raise TargetRefused(url, f"host {host!r} cannot be resolved ({exc}); check the name and the DNS") from exc
    if not found:
        raise TargetRefused(url, f"host {host!r} has no address; check the name and the DNS")
    return [plain(address) for address in found]


def _refusal(host: str, port: int, addresses: Sequence[Address], entries: Sequence[Entry]) -> str:
    listed = ", ".join(entry.text for entry in entries[:10])
    first = addresses[0]
    if meaning := reserved_as(first):
        shown = f"[{first}]" if first.version == 6 else str(first)
        why = f"{host!r} is {first}, a reserved address ({meaning}); if it is meant, allow '{shown}:{port}'"
    else:
        why = f"'{host}:{port}' ({first}) is not on the allow-list; if it is meant, allow '{host}:{port}'"
    return f"{why} (allowed now: {listed})"
