"""Which ScaledObjects make KEDA follow the targets, and does anybody else write replicas?

Manifests from the catalogue, plain data. Our decider does the stabilising, so the HPA behind a ScaledObject must not
damp again: no windows, steps as large as the pool, and tolerance 0 where the cluster has it (Kubernetes 1.35 on);
elsewhere the trigger says the cluster's tolerance and the scaler clears the band.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fleet.catalogue.declaration import Pool
from fleet.errors import ConfigurationError
from fleet.scaling import metric
from fleet.scaling.triggers import Asking, Manifest, authentication, trigger

GROUP, VERSION, PLURAL, KIND = "keda.sh", "v1alpha1", "scaledobjects", "ScaledObject"
LONGEST_NAME = 52
"""KEDA and ReplicaSets derive longer names from a Deployment's."""


@dataclass(frozen=True, slots=True)
class ManifestSettings:
    """Where the scaler listens and what the cluster can do."""

    namespace: str = "fleet"
    asking: Asking = field(default_factory=Asking)
    cluster_tolerance: float = 0.0
    """0 where the HPA takes a tolerance of its own; else the cluster's (usually 0.1)."""
    polling_seconds: int = 15
    cooldown_seconds: int = 60
    failure_threshold: int = 3
    fallback_replicas: Mapping[str, int] = field(default_factory=dict)
    """pool -> replicas while no target can be had: what the pool usually has; default: its minimum, at least 1."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field a live object has otherwise."""

    path: str
    wanted: Any
    live: Any


@dataclass(frozen=True, slots=True)
class SecondOwner:
    """Something else that would write replicas of a Deployment of ours."""

    pool: str
    deployment: str
    kind: str
    name: str

    @property
    def advice(self) -> str:
        return (
            f"{self.kind} {self.name!r} also scales Deployment {self.deployment!r} of pool {self.pool!r}: "
            f"two owners undo each other's work; delete it (`kubectl delete {self.kind.lower()} {self.name}`)"
        )


def deployment_name(pool: str) -> str:
    """Return the name of a pool's Deployment and ScaledObject."""
    return f"worker-{pool.replace('_', '-').replace('@', '-').replace('.', '-')}".lower()[:LONGEST_NAME].rstrip("-")


def render(pools: Iterable[Pool], settings: ManifestSettings) -> list[Manifest]:
    """Return one ScaledObject per pool that may have replicas, after what they show to whom they ask."""
    shown = authentication(settings.namespace, settings.asking)
    named: dict[str, str] = {}
    scaled = []
    for pool in (pool for pool in pools if pool.max_replicas > 0):
        name = deployment_name(pool.name)
        if other := named.get(name):
            raise ConfigurationError(
                f"pools {other!r} and {pool.name!r} would both be Deployment {name!r}: rename one of them"
            )
        named[name] = pool.name
        scaled.append(_manifest(pool, settings))
    return [*([shown] if shown else []), *scaled]


def differences(wanted: Any, live: Any, path: str = "") -> list[Difference]:
    """Return the fields of `wanted` that the live object has otherwise; what only the live one has is not ours."""
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        return [
            found
            for key, value in wanted.items()
            for found in differences(value, live.get(key), f"{path}.{key}" if path else str(key))
        ]
    if isinstance(wanted, list) and isinstance(live, list) and len(wanted) == len(live):
        pairs = enumerate(zip(wanted, live, strict=True))
        return [found for index, (w, has) in pairs for found in differences(w, has, f"{path}[{index}]")]
    return [] if wanted == live else [Difference(path, wanted, live)]


def second_owners(
    pools: Iterable[str], autoscalers: Sequence[Manifest], scaled_objects: Sequence[Manifest]
) -> list[SecondOwner]:
    """Return HPAs that are not KEDA's own and ScaledObjects that are not ours, on Deployments of ours."""
    ours = {deployment_name(pool): pool for pool in pools}
    found = []
    for hpa in autoscalers:
        target = hpa.get("spec", {}).get("scaleTargetRef", {})
        name = target.get("name", "")
        if target.get("kind") == "Deployment" and name in ours and not _made_by(hpa, name):
            found.append(SecondOwner(ours[name], name, "HorizontalPodAutoscaler", hpa["metadata"]["name"]))
    for scaled in scaled_objects:
        target = scaled.get("spec", {}).get("scaleTargetRef", {})
        name = target.get("name", "")
        if target.get("kind", "Deployment") == "Deployment" and name in ours and scaled["metadata"]["name"] != name:
            found.append(SecondOwner(ours[name], name, KIND, scaled["metadata"]["name"]))
    return found


def _made_by(hpa: Manifest, scaled_object: str) -> bool:
    owners = hpa["metadata"].get("ownerReferences") or []
    return any(owner.get("kind") == KIND and owner.get("name") == scaled_object for owner in owners)


def _manifest(pool: Pool, settings: ManifestSettings) -> Manifest:
    name = deployment_name(pool.name)
    ceiling = metric.highest(pool.max_replicas, settings.cluster_tolerance)
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": KIND,
        "metadata": {
            "name": name,
            "namespace": settings.namespace,
            "labels": {"app.kubernetes.io/part-of": "agent-fleet", "fleet/pool": pool.name.partition("@")[0]},
        },
        "spec": {
            "scaleTargetRef": {"name": name},
            "pollingInterval": settings.polling_seconds,
            "cooldownPeriod": settings.cooldown_seconds,
            "minReplicaCount": pool.min_replicas,
            "maxReplicaCount": ceiling,
            "fallback": {
                "failureThreshold": settings.failure_threshold,
                "replicas": settings.fallback_replicas.get(pool.name, max(1, pool.min_replicas)),
                "behavior": "currentReplicasIfHigher",
            },
            "advanced": {
                "restoreToOriginalReplicaCount": False,
                "horizontalPodAutoscalerConfig": {"behavior": _behaviour(ceiling, settings)},
            },
            "triggers": [trigger(pool.name, settings.cluster_tolerance, settings.asking)],
        },
    }


def _behaviour(ceiling: int, settings: ManifestSettings) -> Manifest:
    closed = {"tolerance": "0"} if settings.cluster_tolerance <= 0.0 else {}
    return {
        way: {
            "stabilizationWindowSeconds": 0,
            **closed,
            "selectPolicy": "Max",
            "policies": [{"type": "Pods", "value": ceiling, "periodSeconds": 15}],
        }
        for way in ("scaleUp", "scaleDown")
    }
