"""Would this packet pass? Kubernetes' rules for network policies, evaluated over rendered objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from rendering import Object


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A pod (labels, namespace) or a bare address outside the cluster."""

    name: str
    address: str
    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def passes(policies: Iterable[Object], source: Endpoint, target: Endpoint, port: int, protocol: str = "TCP") -> bool:
    """Both ends must agree: the source may send it, the target may receive it."""
    policies = list(policies)
    return _side(policies, source, target, port, protocol, "Egress") and _side(
        policies, target, source, port, protocol, "Ingress"
    )


def _side(policies: list[Object], own: Endpoint, other: Endpoint, port: int, protocol: str, way: str) -> bool:
    applying = [
        p["spec"]
        for p in policies
        if way in p["spec"]["policyTypes"] and _is(own, p["spec"]["podSelector"], p["metadata"]["namespace"])
    ]
    if not applying:
        return True  # nobody selects this pod for this direction: everything passes
    key, peers = ("egress", "to") if way == "Egress" else ("ingress", "from")
    return any(
        _rule(rule, peers, other, port, protocol, own.namespace) for spec in applying for rule in spec.get(key) or []
    )


def _rule(rule: Object, peers: str, other: Endpoint, port: int, protocol: str, namespace: str | None) -> bool:
    ports = rule.get("ports")
    if ports and not any(p.get("port") in (None, port) and p.get("protocol", "TCP") == protocol for p in ports):
        return False
    listed = rule.get(peers)
    return not listed or any(_peer(peer, other, namespace) for peer in listed)


def _peer(peer: Object, other: Endpoint, namespace: str | None) -> bool:
    if block := peer.get("ipBlock"):
        address = ip_address(other.address)
        return address in ip_network(block["cidr"]) and not any(
            address in ip_network(net) for net in block.get("except", [])
        )
    if other.namespace is None:
        return False
    if "namespaceSelector" in peer:
        if not _matches(peer["namespaceSelector"], {"kubernetes.io/metadata.name": other.namespace}):
            return False
    elif other.namespace != namespace:
        return False
    return _matches(peer.get("podSelector", {}), other.labels)


def _is(endpoint: Endpoint, selector: Object, namespace: str) -> bool:
    return endpoint.namespace == namespace and _matches(selector, endpoint.labels)


def _matches(selector: Object, labels: Mapping[str, str]) -> bool:
    assert set(selector) <= {"matchLabels"}, f"this evaluation knows matchLabels only, not {selector}"
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
