"""Do the scale commands show, explain and change what they say, and refuse what cannot be?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import CliRunner, Result
from kubernetes import client
from pytest_httpserver import HTTPServer

from fleet import catalogue, settings
from fleet.cli import scale, simulate_scaling
from fleet.cli.render import render as render_commands
from fleet.errors import FleetError
from fleet.scaling import band
from fleet.scaling.refresh import refresh
from fleet.scaling.scaled_objects import ManifestSettings, render
from fleet.scaling.triggers import Asking
from fleet.store import keys
from fleet.store.client import forget

CELL = "scale-cli"
Fleet = Callable[..., Result]


@pytest.fixture
def fleet(store: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """Runs `fleet scale` on a store with one tick of targets."""
    monkeypatch.setenv("FLEET_CELL", CELL)
    monkeypatch.setenv("FLEET_STATE_DIR", str(tmp_path))
    settings.load.cache_clear()
    refresh(store, CELL, catalogue.current(), settings.current().scaling)

    def run(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(scale.scale, arguments, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result

    yield run
    settings.load.cache_clear()
    forget()


def parsed(result: Result) -> Any:
    return json.loads(result.stdout)


def test_status_lists_every_pool(fleet: Fleet) -> None:
    pools = {row["pool"]: row for row in parsed(fleet("status", "--json"))["pools"]}
    assert set(pools) == set(catalogue.current().pools)
    assert all(row["age_seconds"] < 30 for row in pools.values())
    assert "code_generator" in fleet("status").output


def test_explain_names_inputs_limits_and_what_bound(fleet: Fleet) -> None:
    told = parsed(fleet("explain", "code_generator", "--json"))
    assert told["binding"] == "minimum"
    assert {limit["name"] for limit in told["considered"]} == {"minimum", "maximum"}
    assert {"load", "headroom", "slots"} <= set(told["inputs"])
    assert "* minimum" in fleet("explain", "code_generator").output


def test_history_and_its_picture(fleet: Fleet, tmp_path: Path) -> None:
    picture = tmp_path / "pool.svg"
    entries = parsed(fleet("history", "code_generator", "--plot", str(picture), "--json"))["entries"]
    assert [entry["replicas"] for entry in entries] == [1]
    assert picture.read_text().startswith("<?xml")
    assert "UTC" in fleet("history", "code_generator", "--since", "2h").output


def test_a_pin_is_put_shown_and_taken(fleet: Fleet, store: redis.Redis) -> None:
    pinned = parsed(fleet("pin", "code_generator", "3", "--for", "2h", "--why", "release", "--json"))
    assert pinned["until"] - pinned["since"] == pytest.approx(7200.0)
    assert parsed(fleet("unpin", "code_generator", "--json"))["pin"]["why"] == "release"
    assert "was not pinned" in fleet("unpin", "code_generator").output
    actions = [json.loads(fields["entry"])["action"] for _, fields in store.xrange(f"fleet:{{{CELL}}}:audit")]
    assert actions == ["scale.pin", "scale.unpin", "scale.unpin"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("pin", "code_generatr", "3", "--why", "x"), "did you mean 'code_generator'"),
        (("pin", "code_generator", "99", "--why", "x"), "use 0 to 8"),
        (("explain", "nobody"), "unknown pool 'nobody'"),
        (("history", "nobody"), "unknown pool 'nobody'"),
    ],
)
def test_what_cannot_be_is_refused(fleet: Fleet, arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(FleetError, match=says):
        fleet(*arguments)


def test_a_wrong_duration_is_refused(fleet: Fleet) -> None:
    assert "write 90s, 15m, 2h or 1d" in fleet("history", "code_generator", "--since", "soon", code=2).output


def test_manifests_are_what_the_cluster_gets(fleet: Fleet) -> None:
    rendered = parsed(fleet("manifests", "--namespace", "prod", "--tolerance", "0", "--json"))
    wanted = ManifestSettings("prod", Asking(address="scaler.prod.svc:9090", cell=CELL))
    assert rendered == render(catalogue.current().pools.values(), wanted)
    printed = fleet("manifests", "--tolerance", "0").output
    assert printed.count("kind: ScaledObject") == len(rendered)
    assert "&id" not in printed
    assert "'wide' is no tolerance: write auto, 0" in fleet("manifests", "--tolerance", "wide", code=2).output


@pytest.mark.parametrize(
    ("minor", "fields", "tolerance", "says"),
    [
        ("35", {"tolerance": {}}, 0.0, "Kubernetes 1.35 and KEDA close it"),
        ("36+", {"tolerance": {}}, 0.0, "Kubernetes 1.36 and KEDA close it"),
        ("36", {}, 0.1, "knows no tolerance"),
        ("34", {"tolerance": {}}, 0.1, "Kubernetes 1.34 has no tolerance per HPA"),
        ("36", None, 0.1, "install KEDA first"),
        (None, {}, 0.1, "no cluster could be asked"),
    ],
)
def test_the_band_is_what_the_cluster_lets_be(
    httpserver: HTTPServer, minor: str | None, fields: dict[str, Any] | None, tolerance: float, says: str
) -> None:
    if minor is not None:
        httpserver.expect_request("/version/").respond_with_json({"major": "1", "minor": minor, "gitVersion": "v", "gitCommit": "",
            "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": ""})  # fmt: skip
    schema: dict[str, Any] = {"properties": fields or {}}
    for step in reversed(band.BEHAVIOUR):
        schema = {"properties": {step: schema}}
    if fields is None:
        httpserver.expect_request(band.SCHEMA).respond_with_data("404 page not found", status=404)
    else:
        document = {"components": {"schemas": {"sh.keda.v1alpha1.ScaledObject": schema}}}
        httpserver.expect_request(band.SCHEMA).respond_with_json(document)
    settings = client.Configuration()
    settings.host = httpserver.url_for("").rstrip("/")
    found = band.of_cluster(client.ApiClient(settings))
    assert found.tolerance == tolerance
    assert says in found.why


def test_diff_and_apply_against_a_cluster(
    fleet: Fleet, httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    cluster = {"server": httpserver.url_for("").rstrip("/")}
    context = {"cluster": "c", "user": "u"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": context}],
    }
    kubeconfig.write_text(json.dumps(config))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig))
    wanted = parsed(fleet("manifests", "--tolerance", "0.1", "--json"))
    live = [json.loads(json.dumps(manifest)) for manifest in wanted[:-1]]
    live[0]["spec"]["maxReplicaCount"] = 99
    objects = "/apis/keda.sh/v1alpha1/namespaces/fleet/scaledobjects"
    httpserver.expect_request(objects).respond_with_json({"items": live})
    rival = {"kind": "Deployment", "name": live[0]["metadata"]["name"]}
    hpas = {"items": [{"metadata": {"name": "old"}, "spec": {"maxReplicas": 2, "scaleTargetRef": rival}}]}
    path = "/apis/autoscaling/v2/namespaces/fleet/horizontalpodautoscalers"
    httpserver.expect_request(path).respond_with_json(hpas)
    found = parsed(fleet("diff", "--json", code=1))
    assert found["differences"][live[0]["metadata"]["name"]] == [
        {"path": "spec.maxReplicaCount", "wanted": wanted[0]["spec"]["maxReplicaCount"], "live": 99}
    ]
    assert found["differences"][wanted[-1]["metadata"]["name"]] == "missing"
    assert [owner["name"] for owner in found["second_owners"]] == ["old"]
    for manifest in wanted:
        name = manifest["metadata"]["name"]
        httpserver.expect_request(f"{objects}/{name}", method="PATCH", json=manifest).respond_with_json(manifest)
    assert parsed(fleet("apply", "--json"))["applied"] == [manifest["metadata"]["name"] for manifest in wanted]


def test_the_backtest_prints_its_figures(tmp_path: Path) -> None:
    trace = tmp_path / "own.csv"
    trace.write_text("t_s,service_s\n" + "".join(f"{index * 3},{5 + index % 7}\n" for index in range(400)))
    arguments = ["--trace", str(trace), "--set", "promise=1.0", "--plot", str(tmp_path / "x.png"), "--json"]
    result = CliRunner().invoke(simulate_scaling.scaling, arguments, catch_exceptions=False)
    report = json.loads(result.stdout)
    contenders = {row["contender"]: row for row in report["mean"]}
    assert {"staffing", "fleet, promise=1.0", "threshold", "keda list length 5", "clairvoyant plan"} <= set(contenders)
    assert contenders["clairvoyant plan"]["against_clairvoyant"] == 1.0
    assert all(0.0 <= row["within_30_seconds"] <= 1.0 and row["killed"] == 0 for row in contenders.values())
    assert (tmp_path / "x.png").stat().st_size > 10_000


def test_the_backtest_names_bad_lines(tmp_path: Path) -> None:
    trace = tmp_path / "bad.csv"
    trace.write_text("t_s\n1\nx\n")
    with pytest.raises(FleetError, match="line 3"):
        CliRunner().invoke(simulate_scaling.scaling, ["--trace", str(trace)], catch_exceptions=False)


def test_grace_follows_what_tasks_took(fleet: Fleet, store: redis.Redis) -> None:
    for number in range(1200):
        store.xadd(
            f"{keys.prefix(CELL)}history",
            {"id": str(number), "type": "code_generation", "pool": "code_generator", "started": "100", "ended": str(101 + number % 40)},
        )  # fmt: skip
    (found,) = parsed(fleet("grace", "code_generator", "--json"))["pools"]
    assert (found["declared_seconds"], found["recommended_seconds"]) == (600.0, 50)
    assert "999 of 1000 of 1,200 runs took at most 40.0 s" in found["why"]
    assert "longer than needed: 50 would do" in fleet("grace").output
    with pytest.raises(FleetError, match="did you mean 'code_generator'"):
        fleet("grace", "code_generatr")
    rendered = CliRunner().invoke(render_commands, ["chart-values", "--measured-grace", "7", "--json"], catch_exceptions=False)
    assert json.loads(rendered.stdout)["pools"]["code_generator"]["gracePeriodSeconds"] == 50
    assert "code_generator: grace 50 s (code_generation: 999 of 1000" in rendered.stderr
