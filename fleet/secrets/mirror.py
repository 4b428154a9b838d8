"""How does an agent's secret become a Kubernetes Secret, and stay what Vault says?

Off by default: a copy in etcd is one more place to steal from; it pays only where pods must start while Vault is away.
The copy is labelled, owned by the agent's Deployment (so it goes with it), carries the version it was made from, and is
written by server-side apply: what others change in our fields is found as drift and put back.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import SecretStr

from fleet.errors import Conflict
from fleet.secrets.backend import Secret, SecretBackend
from fleet.secrets.errors import BackendUnavailable

MANAGER = "agent-fleet-secrets"
MANAGED_BY = "app.kubernetes.io/managed-by"
AGENT_TYPE = "agent-fleet/agent-type"
SOURCE = "agent-fleet/mirror-of"
Did = Literal["created", "repaired", "unchanged", "deleted"]


@dataclass(frozen=True, slots=True)
class Owner:
    """The Deployment a copy belongs to and vanishes with."""

    name: str
    uid: str
    kind: str = "Deployment"
    api_version: str = "apps/v1"


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What was done to one copy, and why."""

    name: str
    did: Did
    drift: tuple[str, ...]


def secret_name(agent_type: str) -> str:
    return f"fleet-agent-{agent_type.replace('_', '-')}"


def desired(agent_type: str, secrets: Mapping[str, Secret], owner: Owner) -> dict[str, Any]:
    """Return the manifest of an agent type's copy; keys are `<secret>.<field>`."""
    data = {
        f"{name}.{field}": _encoded(value)
        for name, secret in sorted(secrets.items())
        for field, value in sorted(secret.fields.items())
    }
    versions = " ".join(f"{name}={secret.version}" for name, secret in sorted(secrets.items()))
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": secret_name(agent_type),
            "labels": {MANAGED_BY: MANAGER, AGENT_TYPE: agent_type},
            "annotations": {SOURCE: versions},
            "ownerReferences": [
                {
                    "apiVersion": owner.api_version,
                    "kind": owner.kind,
                    "name": owner.name,
                    "uid": owner.uid,
                    "controller": False,
                    "blockOwnerDeletion": False,
                }
            ],
        },
        "type": "Opaque",
        "data": data,
    }


def drift(wanted: Mapping[str, Any], live: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Name what differs between the manifest and the cluster; values are never named."""
    if live is None:
        return ("missing",)
    meta, has = wanted["metadata"], live.get("metadata", {})
    found = [f"data {key}" for key, value in wanted["data"].items() if live.get("data", {}).get(key) != value]
    found += [f"extra data {key}" for key in live.get("data") or {} if key not in wanted["data"]]
    found += [f"label {key}" for key, value in meta["labels"].items() if has.get("labels", {}).get(key) != value]
    if has.get("annotations", {}).get(SOURCE) != meta["annotations"][SOURCE]:
        found.append("version")
    owners = {reference.get("uid") for reference in has.get("ownerReferences") or ()}
    if meta["ownerReferences"][0]["uid"] not in owners:
        found.append("owner")
    return tuple(found)


class Mirror:
    """Keeps the copies of one namespace."""

    def __init__(self, api: Any, namespace: str) -> None:
        """Take a `kubernetes.client.CoreV1Api`."""
        self._api, self._namespace = api, namespace

    def sync(self, backend: SecretBackend, agent_type: str, owner: Owner) -> Mirrored:
        """Make an agent type's copy what the backend holds."""
        folder = f"agents/{agent_type}/"
        secrets = {path.removeprefix(folder).replace("/", "."): backend.read(path) for path in backend.paths(folder)}
        wanted = desired(agent_type, secrets, owner)
        name = wanted["metadata"]["name"]
        live = self._read(name)
        if live is not None and live.get("metadata", {}).get("labels", {}).get(MANAGED_BY) != MANAGER:
            raise Conflict(
                f"Secret {self._namespace}/{name} exists and is not ours: remove or rename it, nothing was changed"
            )
        found = drift(wanted, live)
        if not found:
            return Mirrored(name, "unchanged", ())
        self._apply(name, wanted)
        left = drift(wanted, self._read(name))
        if left:
            raise BackendUnavailable(f"Secret {self._namespace}/{name} still differs after apply: {', '.join(left)}")
        return Mirrored(name, "created" if live is None else "repaired", found)

    def drop(self, agent_type: str) -> Mirrored:
        """Remove an agent type's copy; one that is not ours stays."""
        name = secret_name(agent_type)
        live = self._read(name)
        if live is None or live.get("metadata", {}).get("labels", {}).get(MANAGED_BY) != MANAGER:
            return Mirrored(name, "unchanged", ())
        with _said(name, may_be_missing=True):
            self._api.delete_namespaced_secret(name, self._namespace)
        return Mirrored(name, "deleted", ())

    def _read(self, name: str) -> dict[str, Any] | None:
        live: list[dict[str, Any]] = []
        with _said(name, may_be_missing=True):
            found = self._api.read_namespaced_secret(name, self._namespace)
            live.append(self._api.api_client.sanitize_for_serialization(found))
        return live[0] if live else None

    def _apply(self, name: str, wanted: dict[str, Any]) -> None:
        with _said(name):
            self._api.patch_namespaced_secret(
                name,
                self._namespace,
                wanted,
                field_manager=MANAGER,
                force=True,
                _content_type="application/apply-patch+yaml",
            )


def cluster(namespace: str) -> Mirror:
    """Return the mirror of a namespace, by the pod's service account or the user's kubeconfig."""
    import kubernetes

    known: Any = kubernetes.config
    try:
        known.load_incluster_config()
    except known.ConfigException:
        try:
            known.load_kube_config()
        except (known.ConfigException, OSError) as error:
            raise BackendUnavailable(
                f"no Kubernetes cluster is configured here ({error}): run this in a pod or set KUBECONFIG"
            ) from None
    # One look, and then it is said that nobody answers: the client's own retries take minutes.
    known_as: Any = kubernetes.client.Configuration.get_default_copy()
    known_as.retries = False
    return Mirror(kubernetes.client.CoreV1Api(kubernetes.client.ApiClient(known_as)), namespace)


def owner_of(deployment: str, namespace: str) -> Owner:
    """Return a Deployment as the owner of a copy."""
    import kubernetes

    apps: Any = kubernetes.client.AppsV1Api()
    with _said(deployment):
        return Owner(deployment, str(apps.read_namespaced_deployment(deployment, namespace).metadata.uid))


@contextmanager
def _said(name: str, *, may_be_missing: bool = False) -> Iterator[None]:
    """Turn what the client raises into `BackendUnavailable`; a missing object is none where that is an answer."""
    import urllib3
    from kubernetes.client import ApiException

    try:
        yield
    except ApiException as error:
        if error.status == 404 and may_be_missing:
            return
        if error.status == 404:
            raise BackendUnavailable(
                f"Kubernetes knows no {name!r} in this namespace: correct the name or --namespace"
            ) from None
        raise _wrapped(error, name) from None
    except urllib3.exceptions.HTTPError as error:
        raise BackendUnavailable(
            f"Kubernetes does not answer ({type(error).__name__}): is this the right cluster, and does it run?"
        ) from None


def _encoded(value: SecretStr) -> str:
    return base64.b64encode(value.get_secret_value().encode()).decode()


def _wrapped(error: Any, name: str) -> BackendUnavailable:
    return BackendUnavailable(
        f"Kubernetes answered {error.status} for {name!r}: "
        "the service account needs get, patch and delete on secrets, and get on deployments, in this namespace"
    )
