"""What does the chart make of these values? Rendered by the real Helm, as a list of objects."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from toolbox import ROOT, tool

CHART = ROOT / "charts/fleet"
Object = dict[str, Any]

KEDA = "keda.sh/v1alpha1/ScaledObject"
OPTIONAL_APIS = (
    KEDA,
    "monitoring.coreos.com/v1/ServiceMonitor",
    "monitoring.coreos.com/v1/PrometheusRule",
    "security.istio.io/v1/PeerAuthentication",
    "networking.istio.io/v1/DestinationRule",
    "gateway.networking.k8s.io/v1/HTTPRoute",
    "external-secrets.io/v1/ExternalSecret",
    "custom.metrics.k8s.io/v1beta1",
)
VALUES_FILES = ("values.yaml", "values-staging.yaml", "values-production.yaml", "values-traffic.yaml")


@dataclass(frozen=True, slots=True)
class Case:
    """One way to render the chart."""

    name: str
    files: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    apis: tuple[str, ...] = OPTIONAL_APIS
    kubernetes: str = "1.37"
    namespace: str = "fleet"

    def __str__(self) -> str:
        return self.name


def template(case: Case) -> subprocess.CompletedProcess[str]:
    """Run `helm template`; the caller judges the exit code."""
    command = [
        tool("helm"),
        "template",
        "fleet",
        str(CHART),
        "--namespace",
        case.namespace,
        "--kube-version",
        case.kubernetes,
    ]
    for file in case.files:
        command += ["--values", str(CHART / file)]
    for api in case.apis:
        command += ["--api-versions", api]
    return subprocess.run(
        [*command, "--values", "-"], input=json.dumps(_nested(case.values)), capture_output=True, text=True, check=False
    )


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *groups, last = path.split(".")
        here = tree
        for group in groups:
            here = here.setdefault(group, {})
        here[last] = value
    return tree


@cache
def _rendered(key: str) -> str:
    raw = json.loads(key)
    done = template(
        Case(raw["name"], tuple(raw["files"]), raw["values"], tuple(raw["apis"]), raw["kubernetes"], raw["namespace"])
    )
    assert done.returncode == 0, f"{raw['name']}: {done.stderr}"
    return done.stdout


def render(case: Case) -> list[Object]:
    """Return the objects of a case that must render."""
    key = json.dumps(
        {
            "name": case.name,
            "files": case.files,
            "values": dict(case.values),
            "apis": case.apis,
            "kubernetes": case.kubernetes,
            "namespace": case.namespace,
        }
    )
    return [document for document in yaml.load_all(_rendered(key), Loader=yaml.CSafeLoader) if document]


def refusal(case: Case) -> str:
    """Return the message of a case that must be refused."""
    done = template(case)
    assert done.returncode != 0, f"{case.name}: rendered, but should have been refused"
    return done.stderr


def kinds(objects: Iterable[Object], *wanted: str) -> list[Object]:
    return [document for document in objects if document["kind"] in wanted]


def named(objects: Iterable[Object], kind: str, name: str) -> Object:
    return next(o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name)


def pod_specs(objects: Sequence[Object]) -> list[tuple[str, Object]]:
    """Return (kind/name, pod spec) of everything that makes pods."""
    found = []
    for document in objects:
        where = f"{document['kind']}/{document['metadata']['name']}"
        if document["kind"] == "Pod":
            found.append((where, document["spec"]))
        elif "template" in document.get("spec", {}):
            found.append((where, document["spec"]["template"]["spec"]))
    return found


def chart_file(name: str) -> Path:
    return CHART / name
