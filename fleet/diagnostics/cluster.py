"""What does the Kubernetes API say about the fleet's namespace?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleet.diagnostics.facts import ClusterFacts
from fleet.scaling.cluster import own_namespace

TIMEOUT_SECONDS = 5


def look(api: Any = None) -> ClusterFacts:
    """Read pods, nodes, network policies, and who scales the pools' Deployments."""
    from kubernetes import client, config

    if api is None:
        load: Any = config.load_incluster_config
        load()
        api = client.ApiClient()
    namespace = own_namespace() or "default"
    core: Any = client.CoreV1Api(api)
    network: Any = client.NetworkingV1Api(api)
    scaling: Any = client.AutoscalingV2Api(api)
    pods = core.list_namespaced_pod(namespace, _request_timeout=TIMEOUT_SECONDS).items
    policies = network.list_namespaced_network_policy(namespace, _request_timeout=TIMEOUT_SECONDS).items
    owners: dict[str, list[str]] = {}
    for scaler in scaling.list_namespaced_horizontal_pod_autoscaler(namespace, _request_timeout=TIMEOUT_SECONDS).items:
        owners.setdefault(scaler.spec.scale_target_ref.name, []).append(scaler.metadata.name)
    doubled = tuple(f"{name}: {', '.join(who)}" for name, who in sorted(owners.items()) if len(who) > 1)
    return ClusterFacts(
        namespace, tuple(_pod(pod) for pod in pods), tuple(policy.metadata.name for policy in policies), doubled
    )


def _pod(pod: Any) -> Mapping[str, Any]:
    statuses = pod.status.container_statuses or []
    return {
        "name": pod.metadata.name,
        "phase": pod.status.phase,
        "ready": bool(statuses) and all(status.ready for status in statuses),
        "restarts": sum(status.restart_count for status in statuses),
        "waiting": next(
            (status.state.waiting.reason for status in statuses if status.state and status.state.waiting), ""
        ),
    }
