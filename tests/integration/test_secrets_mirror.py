"""Does the Kubernetes copy of a secret follow its source, notice drift, and leave foreign Secrets alone?

Against an HTTP server that keeps Secrets as the Kubernetes API does for get, server-side apply and delete: applied
fields belong to their manager, and those it no longer applies vanish.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import kubernetes
import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fleet.errors import Conflict
from fleet.secrets.audit import newest
from fleet.secrets.errors import BackendUnavailable
from fleet.secrets.local import LocalBackend, passphrase_key
from fleet.secrets.mirror import MANAGED_BY, MANAGER, Mirror, Mirrored, Owner, secret_name
from fleet.secrets.mirror import cluster as in_cluster
from fleet.secrets.mirroring import NotMirrored, keep

OWNER = Owner("code-generator", "uid-1")
NAME = secret_name("code_generator")


class Cluster:
    """Secrets of one namespace behind the Kubernetes API's verbs."""

    def __init__(self, server: HTTPServer) -> None:
        self.secrets: dict[str, dict[str, Any]] = {}
        self.applied: dict[str, set[str]] = {}
        self.requests: list[str] = []
        self.url = server.url_for("").rstrip("/")
        server.expect_request("/api/v1/namespaces/fleet/secrets/" + NAME).respond_with_handler(self.answer)

    def answer(self, request: Request) -> Response:
        self.requests.append(request.method)
        live = self.secrets.get(NAME)
        if request.method == "PATCH":
            assert request.headers["content-type"] == "application/apply-patch+yaml"
            assert request.args["fieldManager"] == MANAGER
            return self.reply(self.apply(request.get_json(force=True)))
        if live is None:
            return self.reply({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}, 404)
        if request.method == "DELETE":
            del self.secrets[NAME]
            return self.reply({"kind": "Status", "status": "Success"})
        return self.reply(live)

    def apply(self, wanted: dict[str, Any]) -> dict[str, Any]:
        live = self.secrets.setdefault(NAME, {"metadata": {}, "data": {}})
        dropped = self.applied.get(NAME, set()) - set(wanted["data"])
        data = {key: value for key, value in live.get("data", {}).items() if key not in dropped}
        meta = live["metadata"]
        for part in ("labels", "annotations"):
            meta[part] = {**meta.get(part, {}), **wanted["metadata"][part]}
        meta["ownerReferences"] = wanted["metadata"]["ownerReferences"]
        meta["name"], live["type"], live["data"] = NAME, wanted["type"], {**data, **wanted["data"]}
        self.applied[NAME] = set(wanted["data"])
        return live

    @staticmethod
    def reply(document: dict[str, Any], status: int = 200) -> Response:
        return Response(json.dumps(document), status=status, content_type="application/json")


@pytest.fixture
def cluster(httpserver: HTTPServer) -> Cluster:
    return Cluster(httpserver)


@pytest.fixture
def mirror(cluster: Cluster) -> Mirror:
    configuration = kubernetes.client.Configuration(host=cluster.url)
    return Mirror(kubernetes.client.CoreV1Api(kubernetes.client.ApiClient(configuration)), "fleet")


@pytest.fixture
def backend(tmp_path: Path) -> LocalBackend:
    backend = LocalBackend(tmp_path / "secrets.json", passphrase_key(SecretStr("correct horse")))
    backend.write("agents/code_generator/llm", {"api_key": SecretStr("canary-one"), "org": SecretStr("acme")})
    backend.write("agents/security_scanner/api", {"token": SecretStr("not for this agent")})
    return backend


def value(cluster: Cluster, key: str) -> str:
    return base64.b64decode(cluster.secrets[NAME]["data"][key]).decode()


def test_a_copy_is_made_labelled_and_owned_and_then_left_alone(
    cluster: Cluster, mirror: Mirror, backend: LocalBackend
) -> None:
    assert mirror.sync(backend, "code_generator", OWNER).did == "created"
    live = cluster.secrets[NAME]
    assert set(live["data"]) == {"llm.api_key", "llm.org"}
    assert value(cluster, "llm.api_key") == "canary-one"
    assert live["metadata"]["labels"][MANAGED_BY] == MANAGER
    assert [owner["uid"] for owner in live["metadata"]["ownerReferences"]] == ["uid-1"]
    cluster.requests.clear()
    assert mirror.sync(backend, "code_generator", OWNER).did == "unchanged"
    assert cluster.requests == ["GET"]


def test_a_new_version_and_a_removed_secret_arrive(cluster: Cluster, mirror: Mirror, backend: LocalBackend) -> None:
    backend.write("agents/code_generator/git", {"token": SecretStr("x")})
    mirror.sync(backend, "code_generator", OWNER)
    backend.write("agents/code_generator/llm", {"api_key": SecretStr("canary-two"), "org": SecretStr("acme")})
    backend.delete("agents/code_generator/git")
    changed = mirror.sync(backend, "code_generator", OWNER)
    assert changed.did == "repaired"
    assert set(changed.drift) == {"data llm.api_key", "extra data git.token", "version"}
    assert value(cluster, "llm.api_key") == "canary-two"
    assert set(cluster.secrets[NAME]["data"]) == {"llm.api_key", "llm.org"}


@pytest.mark.parametrize("what", ["data llm.org", "label agent-fleet/agent-type", "owner", "missing"])
def test_drift_is_found_and_repaired(cluster: Cluster, mirror: Mirror, backend: LocalBackend, what: str) -> None:
    mirror.sync(backend, "code_generator", OWNER)
    live = cluster.secrets[NAME]
    match what:
        case "data llm.org":
            live["data"]["llm.org"] = base64.b64encode(b"changed by hand").decode()
        case "owner":
            live["metadata"]["ownerReferences"] = []
        case "missing":
            del cluster.secrets[NAME]
        case _:
            live["metadata"]["labels"]["agent-fleet/agent-type"] = "other"
    found = mirror.sync(backend, "code_generator", OWNER)
    assert what in found.drift
    assert mirror.sync(backend, "code_generator", OWNER).did == "unchanged"


def test_a_secret_that_is_not_ours_is_not_touched(cluster: Cluster, mirror: Mirror, backend: LocalBackend) -> None:
    cluster.secrets[NAME] = {"metadata": {"name": NAME, "labels": {}}, "data": {"theirs": "eA=="}}
    with pytest.raises(Conflict, match="not ours"):
        mirror.sync(backend, "code_generator", OWNER)
    assert mirror.drop("code_generator").did == "unchanged"
    assert cluster.secrets[NAME]["data"] == {"theirs": "eA=="}


def test_a_copy_goes_with_its_agent(cluster: Cluster, mirror: Mirror, backend: LocalBackend) -> None:
    mirror.sync(backend, "code_generator", OWNER)
    assert mirror.drop("code_generator").did == "deleted"
    assert cluster.secrets == {}
    assert mirror.drop("code_generator").did == "unchanged"


def test_what_was_done_never_shows_a_value(mirror: Mirror, backend: LocalBackend) -> None:
    assert "canary" not in repr(mirror.sync(backend, "code_generator", OWNER))


@pytest.mark.usefixtures("store")
def test_the_job_mends_what_drifted_says_so_once_and_one_failure_keeps_nobody(
    cluster: Cluster, mirror: Mirror, backend: LocalBackend
) -> None:
    rows = ("security_scanner=gone", "code_generator=code-generator")

    def owner_of(deployment: str) -> Owner:
        if deployment != OWNER.name:
            raise BackendUnavailable(f"Kubernetes knows no {deployment!r}")
        return OWNER

    def kept() -> list[str]:
        failed, done = keep(rows, backend, mirror, owner_of)
        assert failed == NotMirrored("security_scanner", "Kubernetes knows no 'gone'")
        assert isinstance(done, Mirrored)
        return [done.did, *done.drift]

    assert kept() == ["created", "missing"]
    assert kept() == ["unchanged"]
    del cluster.secrets[NAME]["data"]["llm.org"]
    assert kept() == ["repaired", "data llm.org"]
    said = [entry.detail for entry in newest(10) if entry.action == "secret.mirror"]
    assert said == [{"did": "repaired", "drift": "data llm.org"}, {"did": "created", "drift": "missing"}]


def test_no_cluster_and_one_that_is_away_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, backend: LocalBackend) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "nothing"))
    with pytest.raises(BackendUnavailable, match="KUBECONFIG"):
        in_cluster("fleet")
    configuration = kubernetes.client.Configuration(host="http://127.0.0.1:1")
    configuration.retries = False
    away = Mirror(kubernetes.client.CoreV1Api(kubernetes.client.ApiClient(configuration)), "fleet")
    with pytest.raises(BackendUnavailable, match="does not answer"):
        away.sync(backend, "code_generator", OWNER)
