"""What does the Kubernetes API know about our pools, and how do we tell it?

Reads ScaledObjects, HPAs and pods; writes ScaledObjects with server-side apply (as field manager `fleet`, without
force, so a field somebody else owns is a named conflict) and deletion costs on pods. Never touches `replicas`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fleet.errors import Conflict, FleetError
from fleet.scaling.deletion_cost import ANNOTATION, PodCost
from fleet.scaling.scaled_objects import GROUP, KIND, VERSION
from fleet.scaling.triggers import Manifest

NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
FIELD_MANAGER = "fleet"
APPLY = "application/apply-patch+yaml"
POD_LABEL = "fleet/pool"
TIMEOUT_SECONDS = 10.0


def own_namespace() -> str | None:
    """Return the namespace this process runs in, or None outside a cluster."""
    return NAMESPACE_FILE.read_text().strip() if NAMESPACE_FILE.is_file() else None


class ClusterUnavailable(FleetError):
    """The Kubernetes API did not answer, or not to us."""


class Cluster:
    """One namespace of a Kubernetes cluster."""

    def __init__(self, namespace: str, api: Any | None = None) -> None:
        from kubernetes import client

        self._namespace = namespace
        api = api or connected()
        self._custom = client.CustomObjectsApi(api)
        self._scaling = client.AutoscalingV2Api(api)
        self._core = client.CoreV1Api(api)
        self._api = api

    def objects(self, kind: str = KIND) -> list[Manifest]:
        """Return every object of one of KEDA's kinds in the namespace."""
        answer = asked(
            f"list {kind}s",
            lambda: self._custom.list_namespaced_custom_object(
                GROUP, VERSION, self._namespace, plural(kind), _request_timeout=TIMEOUT_SECONDS
            ),
        )
        return list(answer["items"])

    def autoscalers(self) -> list[Manifest]:
        """Return every HorizontalPodAutoscaler of the namespace."""
        answer = asked(
            "list HorizontalPodAutoscalers",
            lambda: self._scaling.list_namespaced_horizontal_pod_autoscaler(
                self._namespace, _request_timeout=TIMEOUT_SECONDS
            ),
        )
        return list(self._api.sanitize_for_serialization(answer)["items"])

    def apply(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Make an object of KEDA's as declared; return what the server has then."""
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        applied = asked(
            f"apply {kind} {name!r}",
            lambda: self._custom.patch_namespaced_custom_object(
                GROUP,
                VERSION,
                self._namespace,
                plural(kind),
                name,
                manifest,
                field_manager=FIELD_MANAGER,
                force=False,
                _content_type=APPLY,
                dry_run="All" if dry_run else None,
                _request_timeout=TIMEOUT_SECONDS,
            ),
        )
        return dict(applied)

    def deletion_costs(self) -> dict[str, int | None]:
        """Return pod -> its deletion cost, for the pods of pools."""
        answer = asked(
            "list pods",
            lambda: self._core.list_namespaced_pod(
                self._namespace, label_selector=POD_LABEL, _request_timeout=TIMEOUT_SECONDS
            ),
        )
        costs: dict[str, int | None] = {}
        for pod in answer.items:
            text = (pod.metadata.annotations or {}).get(ANNOTATION)
            costs[pod.metadata.name] = int(text) if text is not None and text.lstrip("-").isdigit() else None
        return costs

    def set_deletion_costs(self, costs: Iterable[PodCost]) -> list[str]:
        """Write costs; return the pods that were gone by then."""
        gone = []
        for cost in costs:
            body = {"metadata": {"annotations": {ANNOTATION: str(cost.cost)}}}
            found = asked(
                f"annotate pod {cost.pod!r}",
                lambda cost=cost, body=body: self._core.patch_namespaced_pod(
                    cost.pod, self._namespace, body, _request_timeout=TIMEOUT_SECONDS
                ),
                missing=None,
            )
            if found is None:
                gone.append(cost.pod)
        return gone


def plural(kind: str) -> str:
    return f"{kind.lower()}s"


_REQUIRED = object()


def asked(what: str, call: Any, missing: Any = _REQUIRED, advice: str = "the API does not serve it; install KEDA first") -> Any:
    """Call the API; say what failed and what to do, in our own words; `advice` is for what is not there."""
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    try:
        return call()
    except ApiException as error:
        if error.status == 404 and missing is not _REQUIRED:
            return missing
        if error.status == 404:
            raise ClusterUnavailable(f"cannot {what}: {advice}") from error
        if error.status == 409:
            raise Conflict(f"cannot {what}: somebody else owns a field of it: {error.body}") from error
        advice = "give this account the right" if error.status == 403 else "see the message"
        if "field not declared in schema" in str(error.body):
            advice = "this KEDA is older than the manifest: upgrade it, or say --tolerance 0.1"
        raise ClusterUnavailable(f"cannot {what}: {error.status} {error.reason}; {advice}: {error.body}") from error
    except HTTPError as error:
        raise ClusterUnavailable(f"cannot {what}: the Kubernetes API does not answer ({error})") from error


def connected() -> Any:
    """Return a client as a pod of the cluster, else as the user's kubeconfig says."""
    from kubernetes import client, config

    try:
        config.load_incluster_config()  # type: ignore[no-untyped-call]
    except config.ConfigException:
        try:
            config.load_kube_config()  # type: ignore[no-untyped-call]
        except (config.ConfigException, OSError) as error:
            raise ClusterUnavailable(
                f"no Kubernetes cluster is configured ({error}): run inside one or set KUBECONFIG"
            ) from error
    return client.ApiClient()
