"""Does the cluster client speak the Kubernetes API as it is: server-side apply, conflicts, missing kinds?"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import redis
from kubernetes import client
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fleet import settings
from fleet.catalogue.declaration import Pool
from fleet.errors import Conflict
from fleet.registry import roster
from fleet.scaling import pod_costs
from fleet.scaling.cluster import Cluster, ClusterUnavailable
from fleet.scaling.deletion_cost import ANNOTATION, DRAINING, PodCost
from fleet.scaling.scaled_objects import ManifestSettings, render
from fleet.store import keys

OBJECTS = "/apis/keda.sh/v1alpha1/namespaces/fleet/scaledobjects"
MANIFEST = render([Pool(name="code", agent_type="code", max_replicas=5)], ManifestSettings())[0]


@pytest.fixture
def cluster(httpserver: HTTPServer) -> Iterator[Cluster]:
    api = client.ApiClient(client.Configuration(host=httpserver.url_for("").rstrip("/")))
    yield Cluster("fleet", api)
    api.close()


def test_apply_is_server_side_without_force(httpserver: HTTPServer, cluster: Cluster) -> None:
    asked: list[Request] = []

    def served(request: Request) -> Response:
        asked.append(request)
        return Response(request.get_data(), content_type="application/json")

    httpserver.expect_request(f"{OBJECTS}/worker-code", method="PATCH").respond_with_handler(served)
    assert cluster.apply(MANIFEST) == MANIFEST
    assert asked[0].headers["Content-Type"] == "application/apply-patch+yaml"
    assert asked[0].args.to_dict() == {"fieldManager": "fleet", "force": "false"}
    cluster.apply(MANIFEST, dry_run=True)
    assert asked[1].args["dryRun"] == "All"


def test_a_field_somebody_else_owns_is_a_conflict(httpserver: HTTPServer, cluster: Cluster) -> None:
    body = json.dumps({"message": "conflict with helm: .spec.maxReplicaCount"})
    httpserver.expect_request(f"{OBJECTS}/worker-code").respond_with_data(body, 409, content_type="application/json")
    with pytest.raises(Conflict, match=r"somebody else owns a field of it.*maxReplicaCount"):
        cluster.apply(MANIFEST)


@pytest.mark.parametrize(("status", "says"), [(404, "install KEDA first"), (403, "give this account the right")])
def test_refusals_say_what_to_do(httpserver: HTTPServer, cluster: Cluster, status: int, says: str) -> None:
    httpserver.expect_request(OBJECTS).respond_with_data("{}", status, content_type="application/json")
    with pytest.raises(ClusterUnavailable, match=says):
        cluster.objects()


def test_autoscalers_are_plain_data(httpserver: HTTPServer, cluster: Cluster) -> None:
    item = {
        "metadata": {"name": "by-hand"},
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "worker-code"}},
    }
    path = "/apis/autoscaling/v2/namespaces/fleet/horizontalpodautoscalers"
    httpserver.expect_request(path).respond_with_json({"items": [item]})
    assert cluster.autoscalers() == [item]


def test_deletion_costs_are_read_and_written(httpserver: HTTPServer, cluster: Cluster) -> None:
    pods = [
        {"metadata": {"name": "a", "annotations": {ANNOTATION: "3"}}},
        {"metadata": {"name": "b"}},
        {"metadata": {"name": "c", "annotations": {ANNOTATION: "soon"}}},
    ]
    listed = {"labelSelector": "fleet/pool"}
    base = "/api/v1/namespaces/fleet/pods"
    httpserver.expect_request(base, query_string=listed).respond_with_json({"items": pods})
    assert cluster.deletion_costs() == {"a": 3, "b": None, "c": None}
    written = {"metadata": {"annotations": {ANNOTATION: "2"}}}
    httpserver.expect_request(f"{base}/b", method="PATCH", json=written).respond_with_json(pods[1])
    httpserver.expect_request(f"{base}/gone", method="PATCH").respond_with_json({}, 404)
    assert cluster.set_deletion_costs([PodCost("b", 2), PodCost("gone", 1)]) == ["gone"]


def test_pods_carry_what_their_workers_run(store: redis.Redis, httpserver: HTTPServer, cluster: Cluster) -> None:
    for pod in ("pod-a", "pod-b"):
        roster.register(f"code@{pod}", "code", 4, {"hostname": pod, "agent_type": "code"})
    store.sadd(f"{keys.prefix(settings.current().cell)}running:code@pod-a", "t1", "t2")
    roster.drain("code@pod-b")
    base = "/api/v1/namespaces/fleet/pods"
    pods = [{"metadata": {"name": pod}} for pod in ("pod-a", "pod-b", "gateway")]
    httpserver.expect_request(base, query_string={"labelSelector": "fleet/pool"}).respond_with_json({"items": pods})
    for pod in ("pod-a", "pod-b"):
        httpserver.expect_request(f"{base}/{pod}", method="PATCH").respond_with_json({"metadata": {"name": pod}})
    assert pod_costs.refresh(cluster) == [PodCost("pod-a", 2), PodCost("pod-b", DRAINING)]
