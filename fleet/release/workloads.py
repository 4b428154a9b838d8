"""Is everything of a track up? Pure: Kubernetes objects in, verdict out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fleet.release.verdict import Verdict

Manifest = Mapping[str, Any]


def judge(deployments: Iterable[Manifest], pods: Iterable[Manifest], scaled_objects: Iterable[Manifest]) -> Verdict:
    """Every Deployment rolled out, every pod ready, every ScaledObject obeyed; all complaints at once."""
    deployments, pods, scaled_objects = list(deployments), list(pods), list(scaled_objects)
    details = {"deployments": len(deployments), "pods": len(pods), "scaled_objects": len(scaled_objects)}
    if not deployments:
        return Verdict(False, "no Deployment carries these labels: is the release installed in this namespace?", details)
    complaints = [
        complaint
        for rows, look in ((deployments, _deployment), (pods, _pod), (scaled_objects, _scaled_object))
        for row in rows
        if (complaint := look(row))
    ]
    if complaints:
        return Verdict(False, "; ".join(complaints), {**details, "complaints": complaints})
    return Verdict(True, f"{len(deployments)} Deployments are available, {len(pods)} pods are ready", details)


def _deployment(row: Manifest) -> str:
    name, wanted, status = row["metadata"]["name"], row["spec"].get("replicas", 1), row.get("status") or {}
    if status.get("observedGeneration", 0) < row["metadata"].get("generation", 0):
        return f"Deployment {name}: its last change is not yet observed"
    if (updated := status.get("updatedReplicas", 0)) < wanted:
        return f"Deployment {name}: {updated} of {wanted} replicas have the new version"
    if (available := status.get("availableReplicas", 0)) < wanted:
        return f"Deployment {name}: {available} of {wanted} replicas are available"
    return ""


def _pod(row: Manifest) -> str:
    name, status = row["metadata"]["name"], row.get("status") or {}
    if status.get("phase") == "Succeeded" or row["metadata"].get("deletionTimestamp"):
        return ""
    if _condition(status, "Ready").get("status") == "True":
        return ""
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    waiting = [why for c in containers if (why := ((c.get("state") or {}).get("waiting") or {}).get("reason"))]
    return f"pod {name}: {', '.join(waiting) or status.get('phase', 'unknown')}, not ready"


def _scaled_object(row: Manifest) -> str:
    ready = _condition(row.get("status") or {}, "Ready")
    if ready.get("status") == "True":
        return ""
    return f"ScaledObject {row['metadata']['name']}: {ready.get('message') or 'KEDA has not looked at it yet'}"


def _condition(status: Manifest, kind: str) -> Manifest:
    return next((row for row in status.get("conditions") or () if row.get("type") == kind), {})
