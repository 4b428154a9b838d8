"""How full are the machines of the cluster? Shares of what pods may use, by the metrics API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleet.scaling.cluster import TIMEOUT_SECONDS, asked, connected

PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")
UNITS = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Node:
    """One machine of the cluster; shares of what pods may use, None where the metrics API said nothing."""

    name: str
    ready: bool
    pressures: tuple[str, ...]
    cpu: float | None = None
    memory: float | None = None


def read(api: Any = None) -> tuple[Node, ...]:
    """Ask the API for nodes and what they use; raises `ClusterUnavailable` where it does not answer, or not to us."""
    from kubernetes import client

    api = api or connected()
    core, custom = client.CoreV1Api(api), client.CustomObjectsApi(api)
    nodes = asked("list nodes", lambda: core.list_node(_request_timeout=TIMEOUT_SECONDS))
    metrics = asked(
        "list node metrics",
        lambda: custom.list_cluster_custom_object("metrics.k8s.io", "v1beta1", "nodes", _request_timeout=TIMEOUT_SECONDS),
        advice="install metrics-server",
    )
    return tuple(judged(api.sanitize_for_serialization(nodes)["items"], metrics["items"]))


def judged(nodes: Sequence[Row], metrics: Sequence[Row]) -> Iterator[Node]:
    """Put nodes and what they use side by side. Pure; rows as the API answers them."""
    used = {row["metadata"]["name"]: row.get("usage", {}) for row in metrics}
    for row in nodes:
        name, status = row["metadata"]["name"], row.get("status", {})
        holds = {condition["type"]: condition["status"] == "True" for condition in status.get("conditions") or ()}
        room, use = status.get("allocatable") or {}, used.get(name, {})
        shares = (_amount(use[what]) / _amount(room[what]) if what in use and what in room else None for what in ("cpu", "memory"))
        yield Node(name, holds.get("Ready", True), tuple(p for p in PRESSURES if holds.get(p)), *shares)


def _amount(text: str) -> float:
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return float(digits) * UNITS[text[len(digits) :]]
