"""Would the API server take these objects? Strict schemas of every supported Kubernetes, models of the foreign CRDs, Pod Security."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import kubernetes_validate
import matrix
import pytest
from cloudcoil.models.istio.networking.v1 import DestinationRule, VirtualService
from cloudcoil.models.istio.security.v1 import AuthorizationPolicy, PeerAuthentication
from cloudcoil.models.keda.v1alpha1 import ScaledObject, TriggerAuthentication
from cloudcoil.models.prometheus_operator.v1 import PrometheusRule, ServiceMonitor
from rendering import Case, Object, kinds, pod_specs, render

VERSIONS = tuple(f"1.{minor}" for minor in range(29, 38))
MODELS = {
    model.__name__: model
    for model in (
        AuthorizationPolicy,
        DestinationRule,
        PeerAuthentication,
        PrometheusRule,
        ScaledObject,
        ServiceMonitor,
        TriggerAuthentication,
        VirtualService,
    )
}
WITHOUT_MODEL = {"HTTPRoute", "ExternalSecret"}  # no model of these on the registry: held by the assertions below
CASES = [*matrix.files(), matrix.EVERYTHING]
REDIS_TRIGGER = Case("redis-trigger", values=matrix.BUNDLED["redis-trigger"])


@cache  # the same object appears in hundreds of renderings
def accepted(text: str, version: str) -> bool:
    """Judge one object: by the strict schema of that Kubernetes, or by the model of its CRD."""
    document = json.loads(text)
    if model := MODELS.get(document["kind"]):
        model.model_validate(document)
    elif document["kind"] not in WITHOUT_MODEL:
        kubernetes_validate.validate(document, version, strict=True)
    return True


def accept_all(case: Case, *versions: str) -> None:
    for document in render(case):
        text = json.dumps(document, sort_keys=True)
        for version in versions:
            assert accepted(text, version)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_object_fits_every_kubernetes(case: Case, version: str) -> None:
    accept_all(Case(case.name, case.files, case.values, case.apis, version), version)


@pytest.mark.parametrize("case", [*matrix.switched(), REDIS_TRIGGER], ids=str)
def test_every_switch_fits_every_kubernetes(case: Case) -> None:
    accept_all(case, *VERSIONS)


def test_objects_without_a_model_name_what_they_refer_to() -> None:
    objects = render(matrix.EVERYTHING)
    (route,) = kinds(objects, "HTTPRoute")
    services = {service["metadata"]["name"] for service in kinds(objects, "Service")}
    assert {backend["name"] for rule in route["spec"]["rules"] for backend in rule["backendRefs"]} <= services
    (external,) = kinds(objects, "ExternalSecret")
    assert external["spec"]["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "vault"}
    assert [item["remoteRef"] for item in external["spec"]["data"]] == [{"key": "fleet/broker", "property": "url"}]


@pytest.mark.parametrize("case", [*CASES, *matrix.switched()], ids=str)
def test_every_pod_is_restricted(case: Case) -> None:
    for where, spec in pod_specs(render(case)):
        assert violations(spec) == [], where
        assert spec["enableServiceLinks"] is False, f"{where}: a Service named fleet-* would be read as a setting"
        for container in _containers(spec):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, where
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]) & set(
                container["resources"]["limits"]
            ), where


def violations(spec: Object) -> list[str]:
    """Return what the Pod Security profile `restricted` would refuse."""
    found = []
    pod = spec.get("securityContext", {})
    for host in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(host):
            found.append(host)
    for container in _containers(spec):
        own = container.get("securityContext", {})

        def effective(field: str, own: Any = own) -> Any:
            return own.get(field, pod.get(field))

        if own.get("privileged") or own.get("allowPrivilegeEscalation") is not False:
            found.append("privilege escalation")
        if own.get("capabilities", {}).get("drop") != ["ALL"] or set(own.get("capabilities", {}).get("add", [])) - {
            "NET_BIND_SERVICE"
        }:
            found.append("capabilities")
        if effective("runAsNonRoot") is not True or effective("runAsUser") == 0:
            found.append("root")
        if (effective("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"):
            found.append("seccomp")
        if any("hostPort" in port for port in container.get("ports", [])):
            found.append("hostPort")
    allowed = {
        "name",
        "configMap",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
        "csi",
    }
    found += [f"volume {volume['name']}" for volume in spec.get("volumes", []) if set(volume) - allowed]
    return found


def _containers(spec: Object) -> list[Object]:
    return [*spec.get("initContainers", []), *spec["containers"]]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_a_pod_mounts_or_reads_exists(case: Case) -> None:
    """ConfigMaps, claims and accounts are the chart's own; Secrets are its own or named by a value."""
    objects = render(case)
    made = {(o["kind"], o["metadata"]["name"]) for o in objects}
    named_by_values = {"fleet-broker", "fleet-ledger", "fleet-flower", "fleet-broker-ca"}
    for where, spec in pod_specs(objects):
        assert ("ServiceAccount", spec["serviceAccountName"]) in made, where
        if "priorityClassName" in spec:
            assert ("PriorityClass", spec["priorityClassName"]) in made, where
        mounted = {volume["name"] for volume in spec.get("volumes", [])} | {"data"}
        for volume in spec.get("volumes", []):
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in made, where
            if "secret" in volume:
                name = volume["secret"]["secretName"]
                assert ("Secret", name) in made or name in named_by_values, (where, name)
            if "persistentVolumeClaim" in volume:
                assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in made, where
        for container in _containers(spec):
            assert {mount["name"] for mount in container["volumeMounts"]} <= mounted, where
            for source in container.get("envFrom", []):
                for kind, key in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
                    if key in source:
                        assert (kind, source[key]["name"]) in made | {("Secret", name) for name in named_by_values}, (
                            where
                        )
            for variable in container.get("env", []):
                if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                    assert ("Secret", reference["name"]) in made or reference["name"] in named_by_values, (
                        where,
                        reference,
                    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_selectors_find_exactly_their_own_pods(case: Case) -> None:
    objects = render(case)
    templates = {
        o["metadata"]["name"]: o["spec"]["template"]["metadata"]["labels"]
        for o in kinds(objects, "Deployment", "StatefulSet")
    }
    for owner in kinds(objects, "Deployment", "StatefulSet"):
        wanted = owner["spec"]["selector"]["matchLabels"].items()
        assert [name for name, labels in templates.items() if wanted <= labels.items()] == [owner["metadata"]["name"]]
    for service in kinds(objects, "Service"):
        wanted = {
            k: v for k, v in service["spec"]["selector"].items() if k != "statefulset.kubernetes.io/pod-name"
        }.items()
        assert len([name for name, labels in templates.items() if wanted <= labels.items()]) == 1, service["metadata"][
            "name"
        ]
