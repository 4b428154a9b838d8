"""Do the release commands speak to Kubernetes, Prometheus and the gateway as these are?"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import uvicorn
import yaml
from click.testing import CliRunner, Result
from eventually import eventually
from integration.gateway_client import key
from pytest_httpserver import HTTPServer
from rig import Rig
from werkzeug import Request, Response

from fleet.cli import release
from fleet.dispatcher.claim import claim
from fleet.errors import Conflict
from fleet.gateway.app import create
from fleet.secrets.roles import Role
from fleet.supervisor.valkey import free_port

APPS = "/apis/apps/v1/namespaces/fleet/deployments"
PODS = "/api/v1/namespaces/fleet/pods"
SCALED = "/apis/keda.sh/v1alpha1/namespaces/fleet/scaledobjects"
ROUTE = "/apis/networking.istio.io/v1/namespaces/fleet/virtualservices/gateway"
HOOK = Path(__file__).parents[2] / "charts/fleet/files/tests/gateway.py"
LABELS = {"labelSelector": "app.kubernetes.io/part-of=agent-fleet,fleet/track=green"}


def run(*arguments: str, code: int = 0) -> Any:
    result: Result = CliRunner().invoke(release.group, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return json.loads(result.output)


@pytest.fixture
def cluster(httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HTTPServer:
    """A Kubernetes API at the end of a kubeconfig, as the pipeline's login leaves it."""
    file = tmp_path / "kubeconfig"
    named = {"name": "here", "cluster": {"server": httpserver.url_for("").rstrip("/")}}
    context = {"name": "here", "context": {"cluster": "here", "user": "me"}}
    user = {"name": "me", "user": {"token": "t"}}
    document = {"apiVersion": "v1", "kind": "Config", "clusters": [named], "contexts": [context], "users": [user], "current-context": "here"}
    file.write_text(yaml.safe_dump(document))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file))
    return httpserver


class Route:
    """A VirtualService behind the API: merge patches, resource versions, conflicts."""

    def __init__(self, api: HTTPServer, **weights: int) -> None:
        routes = [{"destination": {"host": f"{t}-gateway.fleet.svc.cluster.local"}, "weight": w} for t, w in weights.items()]
        self.object: dict[str, Any] = {"metadata": {"name": "gateway", "resourceVersion": "1"}, "spec": {"hosts": ["x"], "http": [{"route": routes}]}}
        self.patches: list[str | None] = []
        self.before_patch: Callable[[], None] = lambda: None
        api.expect_request(ROUTE, method="GET").respond_with_handler(lambda _: self.answer())
        api.expect_request(ROUTE, method="PATCH").respond_with_handler(self.patch)

    def answer(self) -> Response:
        return Response(json.dumps(self.object), content_type="application/json")

    def touch(self) -> None:
        self.object["metadata"]["resourceVersion"] = str(int(self.object["metadata"]["resourceVersion"]) + 1)

    def patch(self, request: Request) -> Response:
        self.patches.append(request.content_type)
        self.before_patch()
        patch = json.loads(request.get_data())
        if patch["metadata"]["resourceVersion"] != self.object["metadata"]["resourceVersion"]:
            return Response('{"message": "the object has been modified"}', 409, content_type="application/json")
        self.object["spec"].update(patch["spec"])
        self.touch()
        return self.answer()

    @property
    def weights(self) -> list[int]:
        return [row["weight"] for row in self.object["spec"]["http"][0]["route"]]


def test_switch_and_rollback_move_the_traffic_and_are_idempotent(cluster: HTTPServer) -> None:
    route = Route(cluster, blue=100, green=0)
    assert run("switch", "--to", "green")["details"] == {"changed": True, "weights": {"blue": 0, "green": 100}, "before": {"blue": 100, "green": 0}}
    assert route.weights == [0, 100]
    assert run("switch", "--to", "green")["details"]["changed"] is False
    assert run("rollback", "--to", "blue")["ok"]
    assert run("rollback", "--to", "blue")["reason"] == "blue has the traffic already"
    assert route.weights == [100, 0]
    assert route.patches == ["application/merge-patch+json"] * 2
    assert route.object["spec"]["hosts"] == ["x"]


def test_a_change_in_between_is_a_conflict_and_is_not_overwritten(cluster: HTTPServer) -> None:
    route = Route(cluster, blue=100, green=0)
    route.before_patch = route.touch
    with pytest.raises(Conflict):
        run("switch", "--to", "green")
    assert route.weights == [100, 0]


def serve(cluster: HTTPServer, available: int, keda: bool = True) -> None:
    status = {"observedGeneration": 1, "updatedReplicas": 3, "availableReplicas": available}
    spec = {"replicas": 3, "selector": {}, "template": {}}
    deployment = {"metadata": {"name": "green-gateway", "generation": 1}, "spec": spec, "status": status}
    pod = {"metadata": {"name": "green-gateway-1"}, "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
    object_ = {"metadata": {"name": "green-worker-code"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    cluster.expect_request(APPS, query_string=LABELS).respond_with_json({"items": [deployment]})
    cluster.expect_request(PODS, query_string=LABELS).respond_with_json({"items": [pod]})
    answer = cluster.expect_request(SCALED, query_string=LABELS)
    if keda:
        answer.respond_with_json({"items": [object_]})
    else:
        answer.respond_with_data("404 page not found", 404)


def test_check_looks_at_the_track_alone(cluster: HTTPServer) -> None:
    serve(cluster, available=3)
    assert run("check", "--track", "green")["details"] == {"deployments": 1, "pods": 1, "scaled_objects": 1}


def test_check_says_what_is_not_up_and_needs_no_keda(cluster: HTTPServer) -> None:
    serve(cluster, available=2, keda=False)
    verdict = run("check", "--track", "green", "--wait", "0", code=1)
    assert verdict["reason"] == "Deployment green-gateway: 2 of 3 replicas are available"
    assert verdict["details"]["scaled_objects"] == 0


def prometheus(server: HTTPServer, success: float) -> None:
    """Answers instant queries by the metric they ask for."""

    def answered(request: Request) -> Response:
        query = request.args["query"]
        assert 'service="green-metrics"' in query
        value = success if " / " in query and "finished" in query else "NaN" if "gateway" in query else 30
        result = [] if "p95" in query else [{"metric": {}, "value": [0, str(value)]}]
        return Response(json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}), content_type="application/json")

    server.expect_request("/api/v1/query").respond_with_handler(answered)


def test_watch_ends_at_a_breach_with_the_reason(httpserver: HTTPServer) -> None:
    prometheus(httpserver, success=0.8)
    verdict = run("watch", "--prometheus", httpserver.url_for("/"), "--track", "green", "--seconds", "300", "--every", "0.05", code=1)
    assert verdict["reason"] == "success rate 80.0% is below 95.0%"
    assert verdict["details"]["looks"] == 2


def test_watch_is_content_when_every_goal_is_kept(httpserver: HTTPServer) -> None:
    prometheus(httpserver, success=1.0)
    verdict = run("watch", "--prometheus", httpserver.url_for("/"), "--track", "green", "--seconds", "0.2", "--every", "0.05")
    assert verdict["details"]["last"] == {"seen": True, "tasks": 30.0, "success_rate": 1.0, "p95_seconds": 30.0, "error_rate": None, "problem": ""}


def test_a_watch_that_cannot_see_fails(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/v1/query").respond_with_data("bad gateway", 502)
    verdict = run("watch", "--prometheus", httpserver.url_for("/"), "--seconds", "60", "--every", "0.05", code=1)
    assert verdict["reason"].startswith("cannot measure: Prometheus does not answer")


@pytest.fixture
def front_door(declared: Callable[..., Rig], store: redis.Redis) -> Iterator[tuple[str, Rig]]:
    """The real gateway on a port of its own, before a declared fleet."""
    rig, port = declared(), free_port()
    server = uvicorn.Server(uvicorn.Config(create(), port=port, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started)
    yield f"http://127.0.0.1:{port}", rig
    server.should_exit = True
    thread.join(10)


@pytest.mark.parametrize(("outcome", "code"), [("done", 0), ("failed", 1)])
def test_smoke_submits_waits_and_expects_done(front_door: tuple[str, Rig], store: redis.Redis, outcome: str, code: int) -> None:
    url, rig = front_door
    rig.worker("w", "a")

    def work() -> None:
        message = rig.take("a", wait_seconds=20)
        assert message is not None
        assert claim(message.task_id, message.attempt, "w").granted
        rig.end(message, outcome)

    worker = threading.Thread(target=work)
    worker.start()
    verdict = run("smoke", "--url", url, "--api-key", key(store, Role.PRODUCER), "--task", "job={}", code=code)
    worker.join(10)
    assert verdict["details"]["tasks"]["job"]["state"] == outcome


def test_smoke_tells_why_the_door_is_shut(front_door: tuple[str, Rig], store: redis.Redis) -> None:
    url, _ = front_door
    assert "401" in run("smoke", "--url", url, "--api-key", "nobody", "--task", "job={}", code=1)["reason"]
    gone = f"http://127.0.0.1:{free_port()}"
    assert "does not answer" in run("smoke", "--url", gone, "--api-key", "nobody", "--task", "job={}", code=1)["reason"]


def hook(url: str) -> subprocess.CompletedProcess[str]:
    """Run what the chart's `helm test` pod runs."""
    return subprocess.run([sys.executable, "-c", HOOK.read_text().replace("@URL@", url)], capture_output=True, text=True, check=False, timeout=60)


def test_helm_test_passes_before_a_gateway_that_serves_and_fails_before_none(front_door: tuple[str, Rig]) -> None:
    url, _ = front_door
    done = hook(url)
    assert (done.returncode, done.stdout) == (0, "/health 200\n/ready 200\n"), done.stderr
    assert hook(f"http://127.0.0.1:{free_port()}").returncode != 0
