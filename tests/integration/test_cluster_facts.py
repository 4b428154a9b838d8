"""Do reports see nodes and the ages of Secrets through the real Kubernetes client, and say so where they may not?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import kmock
import pytest
from kubernetes import client

from fleet.scaling import nodes
from fleet.scaling.cluster import ClusterUnavailable
from fleet.secrets import cluster_ages
from fleet.secrets.errors import BackendUnavailable
from fleet.settings import Settings

pytestmark = pytest.mark.filterwarnings("ignore:read_binary is deprecated")  # kmock loads its own resources so
NOW = datetime(2026, 6, 1, tzinfo=UTC)
T = TypeVar("T")


def served(ask: Callable[[Any], T], *answers: tuple[str, Any]) -> tuple[T, list[Any]]:
    """Answer the client over HTTP; returns what it made of it, and the requests it sent."""

    async def run() -> tuple[T, list[Any]]:
        async with kmock.RawHandler() as handler, kmock.Server(handler) as server:
            for pattern, answer in answers:
                handler[pattern] << answer
            api = client.ApiClient(client.Configuration(host=str(server.url).rstrip("/")))
            try:
                return await asyncio.to_thread(ask, api), list(handler)
            finally:
                api.close()

    return asyncio.run(run())


def node(name: str) -> dict[str, Any]:
    status = {"conditions": [{"type": "Ready", "status": "True"}], "allocatable": {"cpu": "2", "memory": "4Gi"}}
    return {"metadata": {"name": name}, "status": status}


def test_nodes_and_what_they_use_are_put_side_by_side() -> None:
    found, _ = served(
        nodes.read,
        ("get /api/v1/nodes", {"kind": "NodeList", "apiVersion": "v1", "items": [node("one"), node("two")]}),
        ("get /apis/metrics.k8s.io/v1beta1/nodes", {"items": [{"metadata": {"name": "one"}, "usage": {"cpu": "1500m", "memory": "1Gi"}}]}),
    )
    assert [(one.name, one.cpu, one.memory) for one in found] == [("one", 0.75, 0.25), ("two", None, None)]


def test_an_account_that_may_not_look_is_told_so() -> None:
    with pytest.raises(ClusterUnavailable, match="cannot list nodes: 403"):
        served(nodes.read, ("get /api/v1/nodes", 403))
    with pytest.raises(BackendUnavailable, match=r"403 Forbidden; the chart's rbac\.secretAges allows it"):
        served(lambda api: cluster_ages.read(api, "fleet", Settings(), NOW), ("get /api/v1/namespaces/fleet/secrets", 403))


def test_secrets_are_judged_by_their_last_change_and_never_read() -> None:
    def secret(name: str, created: str, *written: str) -> dict[str, Any]:
        return {"metadata": {"name": name, "creationTimestamp": created, "managedFields": [{"time": at} for at in written]}}

    rows = [
        secret("old", "2025-01-01T00:00:00Z"),
        secret("rotated", "2025-01-01T00:00:00Z", "2026-05-30T00:00:00Z"),
        secret("due", "2026-02-01T00:00:00Z"),
        secret("sh.helm.release.v1.fleet.v1", "2025-01-01T00:00:00Z"),
    ]
    found, asked = served(
        lambda api: cluster_ages.read(api, "fleet", Settings(), NOW), ("get /api/v1/namespaces/fleet/secrets", {"items": rows})
    )
    assert {age.path: age.verdict for age in found} == {
        "Kubernetes Secret old": "critical", "Kubernetes Secret due": "warn", "Kubernetes Secret rotated": "fresh",
    }  # fmt: skip
    assert "as=PartialObjectMetadataList" in asked[0].headers["Accept"]
