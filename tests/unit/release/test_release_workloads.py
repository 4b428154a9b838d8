"""Are all complaints about a track's objects named, and scaled-to-zero pools and finished pods none of them?"""

from __future__ import annotations

from typing import Any

from fleet.release.workloads import judge


def deployment(name: str, replicas: int = 2, available: int | None = None, observed: int = 1, updated: int | None = None) -> dict[str, Any]:
    status = {
        "observedGeneration": observed,
        "availableReplicas": replicas if available is None else available,
        "updatedReplicas": replicas if updated is None else updated,
    }
    return {"metadata": {"name": name, "generation": 1}, "spec": {"replicas": replicas}, "status": status}


def pod(name: str, phase: str = "Running", ready: bool = True, waiting: str = "", leaving: bool = False) -> dict[str, Any]:
    metadata = {"name": name, **({"deletionTimestamp": "now"} if leaving else {})}
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {}}
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {"metadata": metadata, "status": {"phase": phase, "conditions": conditions, "containerStatuses": [{"state": state}]}}


def scaled(name: str, status: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": status, "message": f"is {status}"}]}}


def test_everything_up_is_ok() -> None:
    verdict = judge([deployment("gateway"), deployment("worker-code", 0)], [pod("g-1")], [scaled("worker-code", "True")])
    assert verdict.ok
    assert verdict.details == {"deployments": 2, "pods": 1, "scaled_objects": 1}


def test_every_complaint_is_named() -> None:
    verdict = judge(
        [deployment("gateway", available=1), deployment("beat", observed=0), deployment("scaler", updated=0)],
        [pod("code-1", "Pending", False, "ImagePullBackOff"), pod("job-1", "Succeeded", False), pod("old", ready=False, leaving=True)],
        [scaled("worker-code", "False"), {"metadata": {"name": "worker-new"}}],
    )
    assert not verdict.ok
    assert verdict.details["complaints"] == [
        "Deployment gateway: 1 of 2 replicas are available",
        "Deployment beat: its last change is not yet observed",
        "Deployment scaler: 0 of 2 replicas have the new version",
        "pod code-1: ImagePullBackOff, not ready",
        "ScaledObject worker-code: is False",
        "ScaledObject worker-new: KEDA has not looked at it yet",
    ]


def test_an_empty_namespace_is_no_release() -> None:
    assert "no Deployment" in judge([], [], []).reason
