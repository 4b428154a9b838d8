"""Do the chart and the fleet's own code mean the same? Names, ScaledObjects, settings, calls to the Kubernetes API."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import matrix
import pytest
import yaml
from rendering import KEDA, Case, kinds, named, pod_specs, render
from toolbox import ROOT

sys.path.insert(0, str(ROOT))

from fleet.catalogue.load import load
from fleet.cli.chart_values import Images, chart_values
from fleet.release import traffic
from fleet.scaling.deletion_cost import ANNOTATION
from fleet.scaling.metric import highest
from fleet.scaling.scaled_objects import ManifestSettings, deployment_name, differences
from fleet.scaling.scaled_objects import render as render_in_code
from fleet.settings import NOT_SETTINGS, PREFIX, build

# Who makes a call: a program of the fleet (then the chart's Role allows it), or an operator at a command line with their own rights.
IN_CLUSTER = {("list", "pods"), ("patch", "pods")}
# Applying a new object needs `create` beside `patch`.
MIRROR = {(verb, "secrets") for verb in ("get", "create", "patch", "delete")} | {("get", "deployments")}
SEES_MORE = {("list", "secrets")}
BY_OPERATORS = {
    ("list", "custom_objects"), ("patch", "custom_objects"), ("get", "custom_objects"),
    ("list", "deployments"), ("list", "horizontal_pod_autoscalers"), ("list", "network_policies"),
}  # fmt: skip
CALL = re.compile(r"\.(list|read|get|create|patch|replace|delete)_namespaced_(\w+)\(")


@pytest.mark.parametrize(("kubernetes", "tolerance"), [("1.34", 0.1), ("1.35", 0.0), ("1.37", 0.0)])
def test_scaled_objects_are_those_of_the_command_line(kubernetes: str, tolerance: float) -> None:
    objects = render(Case("chart", apis=(KEDA,), kubernetes=kubernetes))
    for wanted in render_in_code(load().pools.values(), ManifestSettings(cluster_tolerance=tolerance)):
        assert differences(wanted, named(objects, "ScaledObject", wanted["metadata"]["name"])) == []


@pytest.mark.parametrize("band", ["0", "0.05", "0.1", "0.25"])
def test_room_for_the_detour_is_the_same(band: str) -> None:
    pools = {
        f"p{n}": {"agentType": "x", "minReplicas": 0, "maxReplicas": n, "image": {"repository": "x"}}
        for n in range(1, 61)
    }
    mode = (
        {"autoscaling.tolerance": "closed"}
        if band == "0"
        else {"autoscaling.tolerance": "cluster", "autoscaling.clusterTolerance": band}
    )
    scaled = {
        o["metadata"]["name"]: o["spec"]["maxReplicaCount"]
        for o in kinds(render(Case(band, values={"pools": pools, **mode})), "ScaledObject")
    }
    assert {name: scaled[f"worker-{name}"] for name in pools} == {
        f"p{n}": highest(n, float(band)) for n in range(1, 61)
    }


def test_pools_are_those_of_the_built_in_catalogue() -> None:
    objects = render(matrix.PLAIN)
    for pool in load().pools.values():
        deployment = named(objects, "Deployment", deployment_name(pool.name))
        assert deployment["metadata"]["annotations"] == {
            "fleet/queue": pool.queue,
            "fleet/slots-per-replica": str(pool.slots),
        }
        assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == pool.grace_seconds
        assert deployment["metadata"]["labels"]["fleet/agent-type"] == pool.agent_type


@pytest.mark.parametrize(
    "case",
    [*matrix.files(), matrix.EVERYTHING, *(Case(name, values=matrix.SWITCHES[name]) for name in ("settings", "cells"))],
    ids=str,
)
def test_every_variable_is_a_setting_the_fleet_knows(case: Case) -> None:
    objects = render(case)
    plain = named(objects, "ConfigMap", "settings")["data"]
    for where, spec in pod_specs(objects):
        given = {
            variable["name"]: "redis://x"
            for variable in spec["containers"][0].get("env", [])
            if variable["name"].startswith(PREFIX) and variable["name"] not in NOT_SETTINGS
        }
        if given:
            assert build({}, plain | given).settings.broker.url.get_secret_value() == "redis://x", where


def test_the_role_allows_what_the_code_calls_and_no_more() -> None:
    called = set()
    for file in (ROOT / "fleet").rglob("*.py"):
        for verb, noun in CALL.findall(file.read_text()):
            called.add(("get" if verb == "read" else verb, _plural(noun)))
    assert called | {("create", "secrets")} == IN_CLUSTER | MIRROR | SEES_MORE | BY_OPERATORS, (
        "a new call: say who makes it, and give it to the Role if a program does"
    )
    assert _allowed(matrix.PLAIN) == IN_CLUSTER
    assert _allowed(Case("mirror", values=matrix.SWITCHES["secret-mirror"])) == IN_CLUSTER | MIRROR
    more = Case("more", values=matrix.SWITCHES["reports-see-more"])
    assert _allowed(more) == IN_CLUSTER | SEES_MORE
    assert kinds(render(matrix.PLAIN), "ClusterRole") == []
    (role,) = kinds(render(more), "ClusterRole")
    assert {(verb, f"{group}/{noun}") for rule in role["rules"] for group in rule["apiGroups"] for noun in rule["resources"] for verb in rule["verbs"]} == {
        ("list", "/nodes"), ("list", "metrics.k8s.io/nodes"),
    }  # fmt: skip
    assert ANNOTATION.startswith("controller.kubernetes.io/")


def _plural(noun: str) -> str:
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"


def _allowed(case: Case) -> set[tuple[str, str]]:
    (role,) = kinds(render(case), "Role")
    assert all("*" not in rule["verbs"] + rule["resources"] for rule in role["rules"])
    return {(verb, resource) for rule in role["rules"] for verb in rule["verbs"] for resource in rule["resources"]}


def test_values_made_from_a_catalogue_install_its_pools(tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(
        "settings: {cell: eu}\npools: {code_generator: {slots: 7, max_replicas: 3}, deep: {agent_type: code_generator, image: 'r.io/deep:1'}}\n"
    )
    declared = load(file)
    values = dict(chart_values(declared, yaml.safe_load(file.read_text()), load().pools, Images()).values)
    objects = render(Case("from the catalogue", values=values))
    for pool in declared.pools.values():
        deployment = named(objects, "Deployment", deployment_name(pool.name))
        assert deployment["metadata"]["annotations"]["fleet/queue"] == pool.queue
        scaled = named(objects, "ScaledObject", deployment_name(pool.name))
        assert scaled["spec"]["maxReplicaCount"] == pool.max_replicas
        assert scaled["spec"]["triggers"][0]["metadata"]["cell"] == "eu"
    assert (
        named(objects, "Deployment", "worker-deep")["spec"]["template"]["spec"]["containers"][0]["image"]
        == "r.io/deep:1"
    )
    installed = tmp_path / "installed.yaml"
    installed.write_text(named(objects, "ConfigMap", "catalogue")["data"]["fleet.yaml"])
    assert load(installed).pools == declared.pools


def test_the_route_of_the_traffic_release_can_be_switched_and_taken_back() -> None:
    objects = render(Case("values-traffic.yaml", ("values-traffic.yaml",)))
    service = named(objects, "VirtualService", "gateway")
    service["metadata"]["resourceVersion"] = "1"
    assert traffic.weights(service) == {"blue": 100, "green": 0}
    switched = {**service, "spec": {**service["spec"], **traffic.patch(service, "green")["spec"]}}
    assert traffic.weights(switched) == {"blue": 0, "green": 100}
    hosts = {route["destination"]["host"].partition(".")[0] for route in service["spec"]["http"][0]["route"]}
    tracks = [render(Case(track, ("values-production.yaml",), {"track": track})) for track in ("blue", "green")]
    assert hosts <= {o["metadata"]["name"] for objects in tracks for o in kinds(objects, "Service")}
