"""What would a cluster answer to Helm's look-ups? Discovery and named objects of one namespace, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import yaml

# What this cluster serves of what the chart makes: group/version -> kinds, cluster-wide ones marked; of the extensions external-secrets.
SERVED = {
    "v1": ("Secret", "ServiceAccount", "ConfigMap", "Service", "PersistentVolumeClaim", "Pod", "Namespace*"),
    "apps/v1": ("Deployment", "StatefulSet"),
    "autoscaling/v2": ("HorizontalPodAutoscaler",),
    "networking.k8s.io/v1": ("NetworkPolicy", "Ingress"),
    "policy/v1": ("PodDisruptionBudget",),
    "rbac.authorization.k8s.io/v1": ("Role", "RoleBinding", "ClusterRole*", "ClusterRoleBinding*"),
    "scheduling.k8s.io/v1": ("PriorityClass*",),
    "external-secrets.io/v1": ("ExternalSecret",),
    "apiregistration.k8s.io/v1": ("APIService*",),
}


def discovery() -> dict[str, Any]:
    """Return the pages Helm asks to learn what the API serves."""
    groups = [version for version in SERVED if "/" in version]
    pages: dict[str, Any] = {
        "/version": {"major": "1", "minor": "37", "gitVersion": "v1.37.1"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(version) for version in groups]},
    }
    for version, kinds in SERVED.items():
        page = f"/apis/{version}" if "/" in version else f"/api/{version}"
        pages[page] = {
            "kind": "APIResourceList",
            "groupVersion": version,
            "resources": [_resource(kind) for kind in kinds],
        }
    return pages


def _group(version: str) -> dict[str, Any]:
    served = {"groupVersion": version, "version": version.partition("/")[2]}
    return {"name": version.partition("/")[0], "versions": [served], "preferredVersion": served}


def _resource(kind: str) -> dict[str, Any]:
    plain = kind.rstrip("*")
    plural = {"NetworkPolicy": "networkpolicies", "Ingress": "ingresses", "PriorityClass": "priorityclasses"}.get(
        plain, plain.lower() + "s"
    )
    return {"name": plural, "namespaced": plain == kind, "kind": plain, "verbs": ["get", "list", "create", "patch"]}


@contextmanager
def cluster(home: Path, namespace: str, secrets: Mapping[str, Mapping[str, str]], exists: bool = True) -> Iterator[Path]:
    """Serve a namespace (unless it does not exist yet) with these Secrets (base64 data); yield a kubeconfig for it."""
    objects = discovery()
    base = f"/api/v1/namespaces/{namespace}"
    objects["/api/v1/namespaces/default"] = _object("Namespace", "default", "")
    if exists:
        objects[f"{base}/serviceaccounts/default"] = _object("ServiceAccount", "default", namespace)
    for name, data in secrets.items():
        objects[f"{base}/secrets/{name}"] = {**_object("Secret", name, namespace), "data": dict(data)}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = objects.get(self.path.partition("?")[0])
            missing = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "reason": "NotFound",
                "code": 404,
                "message": "not found",
            }
            body = json.dumps(found or missing).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    kubeconfig = home / "kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "users": [{"name": "u", "user": {}}],
                "current-context": "c",
            }
        )
    )
    try:
        yield kubeconfig
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _object(kind: str, name: str, namespace: str) -> dict[str, Any]:
    owner = {"meta.helm.sh/release-name": "fleet", "meta.helm.sh/release-namespace": namespace}
    metadata = {
        "name": name,
        "namespace": namespace,
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": owner,
    }
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata}
