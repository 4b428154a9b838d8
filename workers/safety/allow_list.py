"""Which network addresses and host names did the operator allow?

One entry is `host`, `host:port`, `host:low-high`, `*.suffix[:port]`, `address[:port]` or `network/bits[:port]`;
IPv6 stands in brackets when a port follows. No port means any port. Rules that are easy to get wrong live here:

* a reserved address (private, loopback, link-local, ...) needs an entry that names an address or network which is
  itself reserved: neither a host name nor `0.0.0.0/0` opens the door to a metadata service. `localhost` means loopback.
* an IPv4 address in IPv6 clothes is judged as the IPv4 address it reaches.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from fleet.errors import ConfigurationError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# IANA special-purpose registries, plus multicast and the translation prefixes that lead back into IPv4.
RESERVED: dict[Network, str] = {
    ipaddress.ip_network(text): meaning
    for text, meaning in {
        "0.0.0.0/8": "this host",
        "10.0.0.0/8": "private",
        "100.64.0.0/10": "carrier-grade NAT",
        "127.0.0.0/8": "loopback",
        "169.254.0.0/16": "link-local, cloud metadata",
        "172.16.0.0/12": "private",
        "192.0.0.0/24": "protocol assignments",
        "192.0.2.0/24": "documentation",
        "192.88.99.0/24": "6to4 relay",
        "192.168.0.0/16": "private",
        "198.18.0.0/15": "benchmarking",
        "198.51.100.0/24": "documentation",
        "203.0.113.0/24": "documentation",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved",
        "::/127": "unspecified or loopback",
        "::ffff:0:0/96": "IPv4-mapped",
        "64:ff9b::/96": "translated IPv4",
        "64:ff9b:1::/48": "translated IPv4",
        "100::/64": "discard",
        "2001::/23": "protocol assignments",
        "2001:db8::/32": "documentation",
        "2002::/16": "6to4",
        "3fff::/20": "documentation",
        "5f00::/16": "segment routing",
        "fc00::/7": "private",
        "fe80::/10": "link-local",
        "fec0::/10": "site-local",
        "ff00::/8": "multicast",
    }.items()
}
ANY_PORT = range(1, 65536)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the allow-list: where (network or host pattern) and which ports."""

    text: str
    ports: range
    network: Network | None
    host: str

    def admits(self, host: str, port: int, address: Address) -> bool:
        """Tell whether this entry lets a connection for `host` go to `address`:`port`."""
        if port not in self.ports:
            return False
        reserved = reserved_as(address) is not None
        if self.network is not None:
            inside = address.version == self.network.version and address in self.network
            return inside and (not reserved or _is_reserved_network(self.network))
        if self.host.startswith("*."):
            named = host.endswith(self.host[1:])
        else:
            named = host == self.host
        return named and (not reserved or (self.host == "localhost" and address.is_loopback))


def parse_entry(text: str) -> Entry:
    """Read one allow-list entry."""
    where, ports = _split_port(text.strip().lower())
    try:
        return Entry(text, ports, ipaddress.ip_network(where), "")
    except ValueError as exc:
        if "/" in where or where.replace(".", "").isdigit() or ":" in where:
            raise ConfigurationError(f"allowed target {text!r} is not an address or network: {exc}") from exc
    name = where.removeprefix("*.").rstrip(".")
    if not name or any(not label or not label.replace("-", "").replace("_", "").isalnum() for label in name.split(".")):
        raise ConfigurationError(
            f"allowed target {text!r} is not a host, '*.suffix', address or network: write e.g. 'app.example.com:443'"
        )
    return Entry(text, ports, None, where.rstrip("."))


def reserved_as(address: Address) -> str | None:
    """Say what the reserved range around `address` is for, or None when it is on the public internet."""
    for network, meaning in RESERVED.items():
        if address.version == network.version and address in network:
            return meaning
    return None


def plain(address: Address) -> Address:
    """Undress an IPv4 address that arrived in IPv6 form."""
    return getattr(address, "ipv4_mapped", None) or address


def _is_reserved_network(network: Network) -> bool:
    return any(network.subnet_of(other) for other in RESERVED if network.version == other.version)  # type: ignore[arg-type]


def _split_port(text: str) -> tuple[str, range]:
    """Split `where[:ports]`, minding IPv6 brackets."""
    if text.startswith("["):
        where, closed, rest = text[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise ConfigurationError(f"allowed target {text!r} has an unbalanced bracket; write e.g. '[::1]:8080'")
        port = rest[1:]
    elif text.count(":") == 1:
        where, _, port = text.partition(":")
    else:
        where, port = text, ""
    if not port or port == "*":
        return where, ANY_PORT
    low, _, high = port.partition("-")
    if not low.isdecimal() or not (high or low).isdecimal() or not 1 <= int(low) <= int(high or low) <= 65535:
        raise ConfigurationError(
            f"allowed target {text!r} has no valid port {port!r}; write 1-65535, a range 'low-high' or '*'"
        )
    return where, range(int(low), int(high or low) + 1)
