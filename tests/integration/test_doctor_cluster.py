"""Does the doctor see what is wrong in a cluster, through the real client, and go on where it may not look?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import kmock
import pytest
from kubernetes import client

from fleet import catalogue
from fleet.diagnostics.checks import judge
from fleet.diagnostics.cluster import ClusterHidden, look
from fleet.diagnostics.facts import ClusterFacts, Facts
from fleet.settings import Settings

pytestmark = pytest.mark.filterwarnings("ignore:read_binary is deprecated")  # kmock loads its own resources so
SPACE = "fleet"
Objects = dict[str, list[dict[str, Any]]]


def pod(name: str, waiting: str = "", phase: str = "Running", restarts: int = 0) -> dict[str, Any]:
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {}}
    container = {"name": "w", "image": "i", "imageID": "i", "ready": not waiting, "restartCount": restarts, "state": state}
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "w"}]}, "status": {"phase": phase, "containerStatuses": [container]}}


def node(name: str, ready: str = "True", **pressures: str) -> dict[str, Any]:
    conditions = [{"type": kind, "status": status} for kind, status in {"Ready": ready, **pressures}.items()]
    return {"metadata": {"name": name}, "status": {"conditions": conditions, "allocatable": {"cpu": "4", "memory": "8Gi"}}}


def autoscaler(name: str, target: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": target}}}


def deployment(pool: str, grace: int) -> dict[str, Any]:
    template = {"metadata": {"labels": {"fleet/pool": pool}}, "spec": {"containers": [], "terminationGracePeriodSeconds": grace}}
    return {"metadata": {"name": f"worker-{pool}"}, "spec": {"selector": {}, "template": template}}


HEALTHY: Objects = {
    "v1/pods": [pod("worker-a")],
    "v1/nodes": [node("one")],
    "networking.k8s.io/v1/networkpolicies": [{"metadata": {"name": "deny"}, "spec": {"podSelector": {}}}],
    "autoscaling/v2/horizontalpodautoscalers": [autoscaler("keda-hpa-a", "worker-a")],
    "apps/v1/deployments": [deployment("code_generator", 900)],
    "keda.sh/v1alpha1/scaledobjects": [{"metadata": {"name": "worker-a"}, "spec": {"triggers": [{"type": "external-push"}]}}],
}
METRICS = {"items": [{"metadata": {"name": "one"}, "usage": {"cpu": "3500m", "memory": "7549747Ki"}}]}
FAULTS: dict[str, tuple[Objects, str]] = {
    "resources.pod": ({"v1/pods": [pod("worker-a", waiting="CrashLoopBackOff")]}, "critical"),
    "resources.node": ({"v1/nodes": [node("one", DiskPressure="True")]}, "unhealthy"),
    "security.network_policies": ({"networking.k8s.io/v1/networkpolicies": []}, "critical"),
    "configuration.second_owner": (
        {"autoscaling/v2/horizontalpodautoscalers": [autoscaler("keda-hpa-a", "worker-a"), autoscaler("by-hand", "worker-a")]},
        "critical",
    ),
    "configuration.pod_grace": ({"apps/v1/deployments": [deployment("code_generator", 30)]}, "unhealthy"),
    "configuration.list_trigger": (
        {"keda.sh/v1alpha1/scaledobjects": [{"metadata": {"name": "worker-a"}, "spec": {"triggers": [{"type": "redis"}]}}]},
        "unhealthy",
    ),
}


def seen(objects: Objects, spoil: Callable[[Any], None] = lambda _: None) -> ClusterFacts:
    """Serve the objects from an emulated API, and let the doctor look at it over HTTP."""

    async def run() -> ClusterFacts:
        async with kmock.KubernetesEmulator() as emulator, kmock.Server(emulator):
            emulator.resources.load_bundled()
            for kind in ("keda.sh/v1alpha1/scaledobjects", "metrics.k8s.io/v1beta1/nodes"):
                emulator.resources[kind] = {}
            spoil(emulator)
            for kind, rows in objects.items():
                group, _, name = kind.rpartition("/")
                for row in rows:
                    body = {"apiVersion": group, **row}
                    space = None if name == "nodes" else SPACE
                    emulator.objects[kind, space, row["metadata"]["name"]] = body
            api = client.ApiClient(client.Configuration(host=str(emulator.url).rstrip("/")))
            try:
                return await asyncio.to_thread(look, api, SPACE)
            finally:
                api.close()

    return asyncio.run(run())


def found(cluster: ClusterFacts) -> list[tuple[str, str]]:
    facts = Facts(Settings(), catalogue.load(), cluster=cluster)
    of_cluster = {*FAULTS, "resources.node_use"}
    return [(one.check, one.severity) for one in judge(facts) if one.check in of_cluster]


def test_a_healthy_namespace_has_no_finding() -> None:
    cluster = seen(HEALTHY)
    assert [row["name"] for row in cluster.pods] == ["worker-a"]
    assert cluster.grace == {"code_generator": 900.0}
    assert found(cluster) == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_with_its_severity(name: str) -> None:
    objects, severity = FAULTS[name]
    assert found(seen(HEALTHY | objects)) == [(name, severity)]


def test_a_machine_that_is_nearly_full_is_told_by_the_metrics_api() -> None:
    def measured(emulator: Any) -> None:
        emulator["get /apis/metrics.k8s.io/v1beta1/nodes"] << METRICS

    cluster = seen(HEALTHY, measured)
    assert found(cluster) == [("resources.node_use", "warning")] * 2
    assert cluster.nodes[0].cpu == pytest.approx(0.875)


def test_what_may_not_be_listed_is_hidden_and_the_rest_is_seen() -> None:
    def forbidden(emulator: Any) -> None:
        emulator["get /api/v1/nodes"] << 403
        emulator["get /apis/networking.k8s.io/v1/namespaces/fleet/networkpolicies"] << 403

    cluster = seen(HEALTHY, forbidden)
    assert {part.partition(":")[0] for part in cluster.hidden} >= {"nodes", "network policies"}
    assert len(cluster.pods) == 1
    assert found(replace(cluster, hidden=())) == [], "what was not seen is not judged"


def test_an_api_that_shows_nothing_is_said() -> None:
    api = client.ApiClient(client.Configuration(host="http://127.0.0.1:1"))
    api.configuration.retries = False
    with pytest.raises(ClusterHidden, match="showed nothing of namespace fleet"):
        look(api, SPACE)
    api.close()
