"""What does the Kubernetes API say about the fleet's namespace?

Each part is asked for by itself: a login that may not list nodes still sees pods. What was not to be had is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fleet.diagnostics.facts import ClusterFacts
from fleet.errors import FleetError
from fleet.scaling import nodes
from fleet.scaling.cluster import POD_LABEL, own_namespace

TIMEOUT_SECONDS = 5
LIST_TRIGGERS = ("redis", "redis-cluster", "redis-sentinel", "redis-streams")
Row = Mapping[str, Any]


class ClusterHidden(FleetError):
    """The Kubernetes API showed nothing at all."""


def look(api: Any = None, namespace: str | None = None) -> ClusterFacts:
    """Read pods, nodes, network policies, deployments, and who scales them."""
    from kubernetes import client, config

    if api is None:
        load: Any = config.load_incluster_config
        load()
        api = client.ApiClient()
    space = namespace or own_namespace() or "default"
    custom: Any = client.CustomObjectsApi(api)
    core: Any = client.CoreV1Api(api)
    wait: Any = {"_request_timeout": TIMEOUT_SECONDS}
    asked: dict[str, Callable[[], Any]] = {
        "pods": lambda: core.list_namespaced_pod(space, **wait),
        "network policies": lambda: client.NetworkingV1Api(api).list_namespaced_network_policy(space, **wait),
        "autoscalers": lambda: client.AutoscalingV2Api(api).list_namespaced_horizontal_pod_autoscaler(space, **wait),
        "deployments": lambda: client.AppsV1Api(api).list_namespaced_deployment(space, **wait),
        "scaled objects": lambda: custom.list_namespaced_custom_object("keda.sh", "v1alpha1", space, "scaledobjects", **wait),
        "nodes": lambda: core.list_node(**wait),
        "node metrics": lambda: custom.list_cluster_custom_object("metrics.k8s.io", "v1beta1", "nodes", **wait),
    }
    found, hidden = _asked(api, asked)
    if not found:
        raise ClusterHidden(f"the Kubernetes API showed nothing of namespace {space}: {'; '.join(hidden)}")
    policies = found.get("network policies")
    return ClusterFacts(
        namespace=space,
        pods=tuple(map(_pod, found.get("pods", ()))),
        network_policies=None if policies is None else tuple(row["metadata"]["name"] for row in policies),
        second_owners=tuple(_second_owners(found.get("autoscalers", ()))),
        nodes=tuple(nodes.judged(found.get("nodes", ()), found.get("node metrics", ()))),
        list_triggers=tuple(_list_triggers(found.get("scaled objects", ()))),
        grace=dict(_grace(found.get("deployments", ()))),
        hidden=tuple(hidden),
    )


def _asked(api: Any, parts: Mapping[str, Callable[[], Any]]) -> tuple[dict[str, Sequence[Row]], list[str]]:
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    found: dict[str, Sequence[Row]] = {}
    hidden = []
    for name, call in parts.items():
        try:
            found[name] = api.sanitize_for_serialization(call())["items"]
        except ApiException as error:
            hidden.append(f"{name}: {error.status} {error.reason}")
        except HTTPError as error:
            hidden.append(f"{name}: {type(error).__name__}")
    return found, hidden


def _pod(pod: Row) -> Row:
    statuses = pod.get("status", {}).get("containerStatuses") or []
    waiting = (status.get("state", {}).get("waiting", {}).get("reason", "") for status in statuses)
    return {
        "name": pod["metadata"]["name"],
        "phase": pod.get("status", {}).get("phase", ""),
        "ready": bool(statuses) and all(status.get("ready") for status in statuses),
        "restarts": sum(status.get("restartCount", 0) for status in statuses),
        "waiting": next(filter(None, waiting), ""),
    }


def _second_owners(autoscalers: Sequence[Row]) -> Iterator[str]:
    owners: dict[str, list[str]] = {}
    for row in autoscalers:
        owners.setdefault(row["spec"]["scaleTargetRef"]["name"], []).append(row["metadata"]["name"])
    yield from (f"{name}: {', '.join(sorted(who))}" for name, who in sorted(owners.items()) if len(who) > 1)


def _list_triggers(objects: Sequence[Row]) -> Iterator[str]:
    for row in objects:
        for trigger in row.get("spec", {}).get("triggers") or ():
            if trigger.get("type") in LIST_TRIGGERS:
                yield f"{row['metadata']['name']}: {trigger['type']}"


def _grace(deployments: Sequence[Row]) -> Iterator[tuple[str, float]]:
    for row in deployments:
        template = row["spec"].get("template", {})
        pool = (template.get("metadata", {}).get("labels") or {}).get(POD_LABEL)
        if pool:
            yield pool, float(template.get("spec", {}).get("terminationGracePeriodSeconds") or 30)
