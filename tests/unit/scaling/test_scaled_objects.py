"""Do manifests say what the HPA must do, and is a second owner found?"""

from __future__ import annotations

import pytest

from fleet.catalogue.declaration import Pool
from fleet.errors import ConfigurationError
from fleet.scaling import metric
from fleet.scaling.scaled_objects import (
    ManifestSettings,
    deployment_name,
    differences,
    render,
    second_owners,
)
from fleet.scaling.triggers import Asking

CODE = Pool(name="code_generator", agent_type="code", min_replicas=0, max_replicas=40)
CANARY = Pool(name="code_generator@1.4.0", agent_type="code", min_replicas=1, max_replicas=3)


def test_a_manifest_per_pool_that_may_have_replicas() -> None:
    closed = Pool(name="closed", agent_type="code", min_replicas=0, max_replicas=0)
    names = [manifest["metadata"]["name"] for manifest in render([CODE, CANARY, closed], ManifestSettings())]
    assert names == ["worker-code-generator", "worker-code-generator-1-4-0"]


def test_nothing_damps_and_no_step_is_held_back() -> None:
    spec = render([CODE], ManifestSettings())[0]["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (0, 40)
    for way in spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"].values():
        assert way["stabilizationWindowSeconds"] == 0
        assert way["tolerance"] == "0"
        assert way["policies"] == [{"type": "Pods", "value": 40, "periodSeconds": 15}]
    assert spec["triggers"][0]["metadata"] == {
        "scalerAddress": "scaler.fleet.svc:9090",
        "pool": "code_generator",
        "cell": "main",
    }


def test_a_cluster_with_a_fixed_tolerance_gets_room_for_detours() -> None:
    spec = render([CODE], ManifestSettings(cluster_tolerance=0.1))[0]["spec"]
    assert spec["maxReplicaCount"] == metric.highest(40, 0.1) > 40
    assert spec["triggers"][0]["metadata"]["tolerance"] == "0.1"
    behaviour = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert "tolerance" not in behaviour["scaleUp"]


def test_the_fallback_never_takes_the_pool_to_zero() -> None:
    fallback = render([CODE], ManifestSettings())[0]["spec"]["fallback"]
    assert (fallback["replicas"], fallback["behavior"]) == (1, "currentReplicasIfHigher")
    asked = ManifestSettings(fallback_replicas={"code_generator": 6})
    assert render([CODE], asked)[0]["spec"]["fallback"]["replicas"] == 6


def test_tls_is_asked_for_with_what_the_secret_holds() -> None:
    shown, scaled = render([CODE], ManifestSettings(asking=Asking(secret="scaler-client")))
    assert shown["kind"] == "TriggerAuthentication"
    assert [(row["parameter"], row["key"]) for row in shown["spec"]["secretTargetRef"]] == [
        ("caCert", "ca.crt"), ("tlsClientCert", "tls.crt"), ("tlsClientKey", "tls.key"),
    ]  # fmt: skip
    trigger = scaled["spec"]["triggers"][0]
    assert trigger["authenticationRef"] == {"name": shown["metadata"]["name"]}
    assert trigger["metadata"]["enableTLS"] == "true"


def test_the_gateway_is_the_second_way() -> None:
    asking = Asking("metrics-api", "https://gateway.example/", secret="viewer")
    shown, scaled = render([CODE], ManifestSettings(asking=asking, cluster_tolerance=0.1))
    trigger = scaled["spec"]["triggers"][0]
    assert (trigger["type"], trigger["metricType"]) == ("metrics-api", "AverageValue")
    assert trigger["metadata"] == {
        "url": "https://gateway.example/api/v1/pools/code_generator/metric?tolerance=0.1",
        "valueLocation": "value",
        "targetValue": "1",
        "authMode": "bearer",
    }
    assert shown["spec"]["secretTargetRef"] == [{"parameter": "token", "name": "viewer", "key": "key"}]


def test_two_pools_cannot_be_one_deployment() -> None:
    with pytest.raises(ConfigurationError, match="'a_b' and 'a-b' would both be Deployment 'worker-a-b'"):
        render([Pool(name=name, agent_type="code") for name in ("a_b", "a-b")], ManifestSettings())


@pytest.mark.parametrize(("pool", "name"), [("a_b", "worker-a-b"), ("x" * 60, f"worker-{'x' * 45}")])
def test_names_fit_kubernetes(pool: str, name: str) -> None:
    assert deployment_name(pool) == name


def test_differences_are_of_what_we_declare() -> None:
    wanted = render([CODE], ManifestSettings())[0]
    live = {**wanted, "status": {"conditions": []}, "metadata": {**wanted["metadata"], "uid": "1"}}
    assert differences(wanted, live) == []
    changed = {**live, "spec": {**live["spec"], "maxReplicaCount": 9}}
    found = differences(wanted, changed)
    assert [(d.path, d.wanted, d.live) for d in found] == [("spec.maxReplicaCount", 40, 9)]


def scaling(kind: str, name: str, deployment: str, owner: str | None = None) -> dict[str, object]:
    owners = [{"kind": "ScaledObject", "name": owner}] if owner else []
    target = {"kind": "Deployment", "name": deployment}
    return {"kind": kind, "metadata": {"name": name, "ownerReferences": owners}, "spec": {"scaleTargetRef": target}}


def test_a_second_owner_is_found_and_kedas_own_is_not() -> None:
    deployment = deployment_name("code_generator")
    autoscalers = [
        scaling("HorizontalPodAutoscaler", f"keda-hpa-{deployment}", deployment, owner=deployment),
        scaling("HorizontalPodAutoscaler", "by-hand", deployment),
        scaling("HorizontalPodAutoscaler", "elsewhere", "gateway"),
    ]
    objects = [scaling("ScaledObject", deployment, deployment), scaling("ScaledObject", "rival", deployment)]
    found = second_owners(["code_generator"], autoscalers, objects)
    assert [(owner.kind, owner.name) for owner in found] == [
        ("HorizontalPodAutoscaler", "by-hand"),
        ("ScaledObject", "rival"),
    ]
    assert "two owners undo each other's work" in found[0].advice
