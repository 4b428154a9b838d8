"""Which address does a notification go to?

The name is resolved once, what it gives is judged, and the judged address is the one connected to: a name that points
elsewhere a moment later changes nothing. Link-local addresses (a cloud's metadata service) get nothing, ever.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from urllib.request import getproxies, proxy_bypass

import httpx

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Forbidden(Exception):
    """The address is none that a notification may go to."""


def pinned(url: str, allowed: Sequence[str]) -> list[httpx.URL]:
    """Return the URL with each address its host may be reached at, in the resolver's order; at least one.

    `allowed` lists hosts and networks, nothing: any. Raises Forbidden, httpx.InvalidURL for no web address, and
    httpx.ConnectError for a name that does not resolve.
    """
    asked = httpx.URL(url)
    if asked.scheme not in ("http", "https") or not asked.host:
        raise httpx.UnsupportedProtocol("it must start with http:// or https:// and name a host")
    if is_proxied(asked):
        if allowed and asked.host.lower() not in {entry.lower() for entry in allowed}:
            raise Forbidden(f"{asked.host} is not in alerts.allowed_addresses")
        return [asked]
    try:
        answers = resolve(asked.host)
    except OSError as error:
        raise httpx.ConnectError(f"{asked.host} does not resolve: {error}") from None
    found = [_plain(ipaddress.ip_address(answer.partition("%")[0])) for answer in answers]
    good = [address for address in dict.fromkeys(found) if _may(asked.host, address, allowed)]
    if not good:
        why = "is not in alerts.allowed_addresses" if allowed else "gets no notifications"
        raise Forbidden(f"{asked.host} is {found[0]}, which {why}")
    return [asked.copy_with(host=str(address)) for address in good]


def resolve(host: str) -> list[str]:
    """Ask the operating system for the addresses of a host."""
    return [str(answer[4][0]) for answer in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


def is_proxied(url: httpx.URL) -> bool:
    """Tell whether the environment sends this through a proxy, which then is the one that resolves names."""
    return url.scheme in getproxies() and not proxy_bypass(url.host)


def _plain(address: Address) -> Address:
    return getattr(address, "ipv4_mapped", None) or address


def _may(host: str, address: Address, allowed: Sequence[str]) -> bool:
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    return not allowed or any(_fits(entry, host, address) for entry in allowed)


def _fits(entry: str, host: str, address: Address) -> bool:
    try:
        return address in ipaddress.ip_network(entry)
    except ValueError:
        return entry.lower() == host.lower()
