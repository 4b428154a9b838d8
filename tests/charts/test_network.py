"""Do exactly the listed flows pass? Every pair of endpoints, every port anybody listens on."""

from __future__ import annotations

from itertools import product
from typing import Any

import matrix
import pytest
import yaml
from network import Endpoint, passes
from rendering import Case, Object, chart_file, kinds, render

OUTSIDERS = {
    "dns": Endpoint("dns", "10.96.0.10", "kube-system", {"k8s-app": "kube-dns"}),
    "keda": Endpoint("keda", "10.1.0.2", "keda", {"app": "keda-operator"}),
    "prometheus": Endpoint("prometheus", "10.1.0.3", "monitoring", {"app": "prometheus"}),
    "ingress": Endpoint("ingress", "10.1.0.4", "ingress-nginx", {"app": "ingress"}),
    "istiod": Endpoint("istiod", "10.1.0.8", "istio-system", {"app": "istiod"}),
    "vault": Endpoint("vault", "10.1.0.5", "vault", {"app": "vault"}),
    "stranger": Endpoint(
        "stranger", "10.1.0.6", "default", {"app.kubernetes.io/name": "fleet", "app.kubernetes.io/component": "gateway"}
    ),
    "intruder": Endpoint("intruder", "10.1.0.7", "fleet", {"app": "shell"}),
    "internet": Endpoint("internet", "93.184.216.34"),
    "office": Endpoint("office", "192.168.7.7"),
    "cloud metadata": Endpoint("cloud metadata", "169.254.169.254"),
}
# Peers that values leave open: any address, on the listed ports.
ANYWHERE = ("kubernetes", "ledger", "broker", "cells", "identity")
PUBLIC_ONLY = ("notifications",)
PORTS = [
    (p, "TCP") for p in (22, 53, 80, 443, 465, 587, 4317, 4318, 5432, 5555, 6379, 6443, 8080, 8200, 9090, 9808, 15012)
] + [(53, "UDP")]
Flow = tuple[str, str, int, str]

CASES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "default": ({}, {"rbac"}),
    "everything outside": (
        {
            **matrix.SWITCHES["vault"],
            **matrix.SWITCHES["otlp"],
            **matrix.BUNDLED["external-secret"],
            "flower.behindIngress": True,
            "settings": {
                "gateway": {"oidc_issuer": "https://id.example.com"},
                "alerts": {"prometheus_url": "http://prometheus.monitoring:9090"},
            },
        },
        {"rbac", "vault", "otlp", "ledger", "oidc", "flowerIngress", "prometheusQueries"},
    ),
    "mesh": ({"istio.enabled": True}, {"rbac", "mesh"}),
    "two cells": (matrix.SWITCHES["cells"], {"rbac", "cells"}),
    "keda reads redis": ({**matrix.BUNDLED["redis-trigger"], "rbac.create": False}, {"redisTrigger"}),
}


@pytest.mark.parametrize("name", CASES)
def test_exactly_the_listed_flows_pass(name: str) -> None:
    values, features = CASES[name]
    objects = render(Case(name, values=values))
    policies = kinds(objects, "NetworkPolicy")
    pods = fleet_pods(objects)
    endpoints = [*pods.values(), *OUTSIDERS.values()]
    expected = expand(features, pods, external_broker="redis" not in pods)
    passing: set[Flow] = {
        (s.name, t.name, port, protocol)
        for s, t in product(endpoints, endpoints)
        if s is not t and "fleet" in (s.namespace, t.namespace) and "intruder" not in (s.name, t.name)
        for port, protocol in PORTS
        if passes(policies, s, t, port, protocol)
    }
    expected = {flow for flow in expected if flow[0] != flow[1]}
    assert passing - expected == set(), "passes, but is not listed"
    assert expected - passing == set(), "listed, but does not pass"


def test_an_intruder_in_the_namespace_reaches_nothing() -> None:
    objects = render(matrix.PLAIN)
    policies, intruder = kinds(objects, "NetworkPolicy"), OUTSIDERS["intruder"]
    for pod in fleet_pods(objects).values():
        assert not any(passes(policies, intruder, pod, port, protocol) for port, protocol in PORTS), pod
        assert not any(
            passes(policies, pod, intruder, port, protocol)
            for port, protocol in PORTS
            if (port, protocol) != (6443, "TCP")
        ), pod


def test_generated_code_reaches_neither_the_cloud_nor_the_cluster() -> None:
    objects = render(matrix.PLAIN)
    policies = kinds(objects, "NetworkPolicy")
    pods = fleet_pods(objects)
    for worker in (pod for name, pod in pods.items() if name.startswith("worker-")):
        reachable = {
            t.name
            for t in [*pods.values(), *OUTSIDERS.values()]
            for port, protocol in PORTS
            if t is not worker and passes(policies, worker, t, port, protocol)
        }
        assert reachable <= {"redis", "dns", "internet"}, worker
        assert ("internet" in reachable) == (worker.name == "worker-code-generator")


def test_without_policies_the_evaluation_would_notice() -> None:
    """The judge itself: with no policy everything passes, with the denial alone nothing does."""
    objects = render(matrix.PLAIN)
    gateway, redis = (fleet_pods(objects)[name] for name in ("gateway", "redis"))
    assert passes([], gateway, redis, 22)
    denial = [p for p in kinds(objects, "NetworkPolicy") if p["metadata"]["name"] == "default-deny"]
    assert len(denial) == 1
    assert not passes(denial, gateway, redis, 6379)


def fleet_pods(objects: list[Object]) -> dict[str, Endpoint]:
    """Return one pod per workload and test, as an endpoint."""
    found = {}
    for number, document in enumerate(kinds(objects, "Deployment", "StatefulSet", "Pod")):
        name = document["metadata"]["name"]
        labels = (
            document["metadata"]["labels"]
            if document["kind"] == "Pod"
            else document["spec"]["template"]["metadata"]["labels"]
        )
        found[name] = Endpoint(name, f"10.2.0.{number + 1}", "fleet", labels)
    return found


def expand(features: set[str], pods: dict[str, Endpoint], external_broker: bool) -> set[Flow]:
    """Read the list as a person would: names of components become their pods, open peers become every address."""
    flows: set[Flow] = set()
    for row in yaml.safe_load(chart_file("files/flows.yaml").read_text())["flows"]:
        if row.get("when") and row["when"] not in features:
            continue
        to = "broker" if external_broker and row["to"] == "redis" else row["to"]
        sources = {
            name
            for component in (components(pods) if row["from"] == "*" else [row["from"]])
            for name in members(component, pods)
        }
        for source, target, port in product(sources, members(to, pods), row["ports"]):
            number, _, protocol = str(port).partition("/")
            flows.add((source, target, int(number), protocol or "TCP"))
    if "worker-code-generator" in pods:
        flows.add(("worker-code-generator", "internet", 443, "TCP"))
    return flows


def components(pods: dict[str, Endpoint]) -> set[str]:
    return {pod.labels["app.kubernetes.io/component"] for pod in pods.values()}


def members(name: str, pods: dict[str, Endpoint]) -> set[str]:
    """Return the endpoints a name of the list stands for."""
    if name in ANYWHERE:
        return set(OUTSIDERS) - {"intruder"}
    if name in PUBLIC_ONLY:
        return {"internet"}
    if name == "otlp":
        return {"prometheus"}  # the collector lives in the monitoring namespace too
    if name in OUTSIDERS:
        return {name}
    return {endpoint.name for endpoint in pods.values() if endpoint.labels["app.kubernetes.io/component"] == name}
