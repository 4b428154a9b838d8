"""Does every values file render with every feature switched, and is every object well formed?"""

from __future__ import annotations

import subprocess
from collections import Counter

import matrix
import pytest
from rendering import CHART, KEDA, OPTIONAL_APIS, VALUES_FILES, Case, kinds, named, render
from toolbox import ROOT, tool

OWNED_APIS = ("keda.sh/", "monitoring.coreos.com/", "istio.io/", "gateway.networking.k8s.io/", "external-secrets.io/")


@pytest.mark.parametrize("file", VALUES_FILES)
def test_lint_is_silent(file: str) -> None:
    done = subprocess.run(
        [tool("helm"), "lint", "--strict", str(CHART), "--values", str(CHART / file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("case", [*matrix.files(), *matrix.switched(), *matrix.bare(), matrix.EVERYTHING], ids=str)
def test_every_case_renders_named_objects_once(case: Case) -> None:
    objects = render(case)
    identities = Counter((o["apiVersion"], o["kind"], o["metadata"]["name"]) for o in objects)
    assert [i for i, count in identities.items() if count > 1] == []
    for document in objects:
        assert document["metadata"].get("namespace", case.namespace) == case.namespace
        assert document["metadata"]["labels"]["app.kubernetes.io/part-of"] == "agent-fleet"


@pytest.mark.parametrize("case", [c for c in matrix.bare() if not c.apis], ids=str)
def test_nothing_needs_a_missing_api(case: Case) -> None:
    assert [o["kind"] for o in render(case) if any(api in o["apiVersion"] for api in OWNED_APIS)] == []


@pytest.mark.parametrize("case", [c for c in matrix.bare() if c.apis], ids=str)
def test_a_cluster_with_keda_alone_gets_scaled_objects_alone(case: Case) -> None:
    foreign = {o["kind"] for o in render(case) if any(api in o["apiVersion"] for api in OWNED_APIS)}
    assert foreign <= {"ScaledObject", "TriggerAuthentication"}


def test_an_api_can_be_asked_for_where_the_cluster_does_not_say() -> None:
    forced = {f"{group}.render": "always" for group in ("autoscaling", "monitoring", "istio")}
    found = {o["kind"] for o in render(Case("forced", values={**forced, "istio.enabled": True}, apis=()))}
    assert {"ScaledObject", "ServiceMonitor", "PeerAuthentication", "DestinationRule"} <= found


@pytest.mark.parametrize("case", [*matrix.files(), matrix.EVERYTHING], ids=str)
def test_replicas_have_one_owner(case: Case) -> None:
    objects = render(case)
    owned = {s["spec"]["scaleTargetRef"]["name"] for s in kinds(objects, "ScaledObject", "HorizontalPodAutoscaler")}
    for deployment in kinds(objects, "Deployment"):
        name = deployment["metadata"]["name"]
        assert ("replicas" in deployment["spec"]) == (name not in owned), name


def test_without_keda_the_pools_have_a_fixed_staff() -> None:
    workers = [
        d for d in kinds(render(Case("bare", apis=())), "Deployment") if d["metadata"]["name"].startswith("worker-")
    ]
    assert len(workers) == 3
    assert all(d["spec"]["replicas"] >= 1 for d in workers)


def test_scaled_objects_ask_the_scaler_by_push() -> None:
    for scaled in kinds(render(Case("keda", apis=(KEDA,), namespace="agents", values={"cell": "eu"})), "ScaledObject"):
        (trigger,) = scaled["spec"]["triggers"]
        assert trigger["type"] == "external-push"
        assert trigger["metadata"] == {
            "scalerAddress": "scaler.agents.svc:9090",
            "pool": scaled["metadata"]["labels"]["fleet/pool"],
            "cell": "eu",
        }


def test_the_scaler_serves_tls_and_keda_shows_its_own_certificate() -> None:
    objects = render(Case("mutual", values=matrix.SWITCHES["scaler-mutual-tls"]))
    pod = named(objects, "Deployment", "scaler")["spec"]["template"]["spec"]
    assert "--client-authority=/etc/fleet-scaler-tls/ca.crt" in pod["containers"][0]["args"]
    assert {"name": "scaler-tls", "secret": {"secretName": "scaler-tls", "defaultMode": 0o440}} in pod["volumes"]
    for scaled in kinds(objects, "ScaledObject"):
        (trigger,) = scaled["spec"]["triggers"]
        assert (trigger["metadata"]["enableTLS"], trigger["authenticationRef"]) == ("true", {"name": "scaler"})
    shown = named(objects, "TriggerAuthentication", "scaler")["spec"]["secretTargetRef"]
    assert {(s["parameter"], s["name"], s["key"]) for s in shown} == {
        ("caCert", "keda-tls", "ca.crt"),
        ("tlsClientCert", "keda-tls", "tls.crt"),
        ("tlsClientKey", "keda-tls", "tls.key"),
    }


def test_the_mesh_asks_for_no_path_that_it_cannot_read() -> None:
    for switches, read in (("istio",), True), (("istio", "scaler-tls"), False):
        values = {key: value for name in switches for key, value in matrix.SWITCHES[name].items()}
        policy = named(render(Case("mesh", values=values)), "AuthorizationPolicy", "scaler")
        operations = [to["operation"] for rule in policy["spec"]["rules"] for to in rule["to"]]
        assert operations
        assert all(("paths" in operation) is read for operation in operations)


def test_without_a_certificate_of_its_own_keda_only_learns_whom_to_believe() -> None:
    objects = render(Case("tls", values=matrix.SWITCHES["scaler-tls"]))
    args = named(objects, "Deployment", "scaler")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert not [arg for arg in args if arg.startswith("--client-authority")]
    shown = named(objects, "TriggerAuthentication", "scaler")["spec"]["secretTargetRef"]
    assert shown == [{"parameter": "caCert", "name": "scaler-tls", "key": "ca.crt"}]


def test_every_program_can_reach_the_other_cells() -> None:
    objects = render(Case("cells", values=matrix.SWITCHES["cells"]))
    for deployment in kinds(objects, "Deployment"):
        env = {v["name"]: v for v in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}
        for variable, key in ("BROKER_URL", "url"), ("STORE_URL", "store"):
            reference = env[f"FLEET_CELLS__WEST-1__{variable}"]["valueFrom"]["secretKeyRef"]
            assert reference == {"name": "west", "key": key}


def test_copies_of_secrets_belong_to_the_deployments_that_there_are() -> None:
    objects = render(Case("mirror", values={**matrix.SWITCHES["secret-mirror"], **matrix.SWITCHES["canary"]}))
    rows = dict(row.split("=") for row in named(objects, "ConfigMap", "settings")["data"]["FLEET_SECRETS__MIRRORED"].split(","))
    assert set(rows) == {"code_generator", "security_scanner", "performance_tester"}
    for agent_type, deployment in rows.items():
        assert named(objects, "Deployment", deployment)["metadata"]["labels"]["fleet/agent-type"] == agent_type


def test_a_version_of_a_pool_has_its_own_deployment_queue_and_target() -> None:
    objects = render(Case("canary", values=matrix.SWITCHES["canary"]))
    stable, canary = (
        named(objects, "Deployment", name) for name in ("worker-code-generator", "worker-code-generator-v2")
    )
    assert canary["spec"]["template"]["spec"]["containers"][0]["args"] == ["worker", "code_generator@v2"]
    assert canary["metadata"]["annotations"]["fleet/queue"] == "fleet.code_generator@v2"
    assert stable["spec"]["selector"] != canary["spec"]["selector"]
    trigger = named(objects, "ScaledObject", "worker-code-generator-v2")["spec"]["triggers"][0]
    assert trigger["metadata"]["pool"] == "code_generator@v2"


def test_two_tracks_share_a_namespace() -> None:
    blue, green = (render(Case(track, ("values-production.yaml",), {"track": track})) for track in ("blue", "green"))

    def names(objects: list[dict[str, object]]) -> set[tuple[str, str]]:
        return {(o["kind"], o["metadata"]["name"]) for o in objects}  # type: ignore[index]

    assert not names(blue) & names(green)


def test_yaml_is_tidy() -> None:
    done = subprocess.run(
        [
            tool("yamllint"),
            "--strict",
            "-c",
            str(ROOT / "tests/charts/yamllint.yaml"),
            *map(str, sorted(CHART.glob("*.yaml"))),
            str(CHART / "files"),
            str(ROOT / "deploy"),
            str(ROOT / "docker-compose.yml"),
            str(ROOT / ".github"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_optional_apis_are_all_exercised() -> None:
    kinds_seen = {o["kind"] for o in render(matrix.EVERYTHING)}
    assert {api.split("/")[2] for api in OPTIONAL_APIS if api.count("/") == 2} <= kinds_seen
