"""What does the Kubernetes API say about a track, and how is its traffic moved?

Reads Deployments, pods and ScaledObjects; merge-patches the route's VirtualService against the version that was read, so
that a change by somebody else in between is a conflict, never overwritten.
"""

from __future__ import annotations

from typing import Any

from fleet.release import traffic, workloads
from fleet.release.verdict import Verdict
from fleet.release.workloads import Manifest
from fleet.scaling.cluster import TIMEOUT_SECONDS, asked, connected
from fleet.scaling.scaled_objects import GROUP, PLURAL, VERSION

ISTIO = ("networking.istio.io", "v1")
MERGE = "application/merge-patch+json"
PART_OF = "app.kubernetes.io/part-of=agent-fleet"


class Namespace:
    """One namespace, and the track in it that is asked about."""

    def __init__(self, name: str, api: Any | None = None) -> None:
        from kubernetes import client

        self._name, self._api = name, api or connected()
        self._apps, self._core = client.AppsV1Api(self._api), client.CoreV1Api(self._api)
        self._custom = client.CustomObjectsApi(self._api)

    def check(self, track: str = "") -> Verdict:
        """Tell whether everything of the track, or of the whole namespace, is up."""
        return workloads.judge(*self._workloads(f"{PART_OF},fleet/track={track}" if track else PART_OF))

    def _workloads(self, labels: str) -> tuple[list[Manifest], list[Manifest], list[Manifest]]:
        wanted: dict[str, Any] = {"label_selector": labels, "_request_timeout": TIMEOUT_SECONDS}
        deployments = asked("list Deployments", lambda: self._apps.list_namespaced_deployment(self._name, **wanted))
        pods = asked("list pods", lambda: self._core.list_namespaced_pod(self._name, **wanted))
        # Without KEDA there are no ScaledObjects to be ready.
        scaled = asked(
            "list ScaledObjects",
            lambda: self._custom.list_namespaced_custom_object(GROUP, VERSION, self._name, PLURAL, **wanted),
            missing={"items": []},
        )
        plain = self._api.sanitize_for_serialization
        return plain(deployments)["items"], plain(pods)["items"], list(scaled["items"])

    def give_traffic(self, track: str, route: str = "gateway") -> Verdict:
        """Send all traffic to the track and read back that it goes there; a second time changes nothing."""
        before = self._route(route)
        now = traffic.weights(before)
        if now == traffic.only(track, now):
            return Verdict(True, f"{track} has the traffic already", {"changed": False, "weights": now})
        asked(
            f"patch VirtualService {route!r}",
            lambda: self._custom.patch_namespaced_custom_object(
                *ISTIO, self._name, "virtualservices", route, traffic.patch(before, track),
                _content_type=MERGE, _request_timeout=TIMEOUT_SECONDS,
            ),
        )  # fmt: skip
        after = traffic.weights(self._route(route))
        details = {"changed": True, "weights": after, "before": now}
        if after != traffic.only(track, now):
            return Verdict(False, f"the route says {after} after the change: somebody else moved it too", details)
        return Verdict(True, f"{track} has the traffic", details)

    def _route(self, name: str) -> Manifest:
        found = asked(
            f"read VirtualService {name!r}",
            lambda: self._custom.get_namespaced_custom_object(
                *ISTIO, self._name, "virtualservices", name, _request_timeout=TIMEOUT_SECONDS
            ),
            advice="install the traffic release first (values-traffic.yaml)",
        )
        return dict(found)
