"""What does an install see of the cluster it goes to? Secrets that are missing, passwords that are already there."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml
from api_server import cluster
from rendering import CHART, Object, named
from toolbox import tool


def install(
    home: Path, secrets: Mapping[str, Mapping[str, str]], values: object, *files: str, exists: bool = True
) -> subprocess.CompletedProcess[str]:
    """Render against a live API, as `helm install` does first of all."""
    with cluster(home, "fleet", secrets, exists) as kubeconfig:
        command = [
            tool("helm"),
            "template",
            "fleet",
            str(CHART),
            "--namespace",
            "fleet",
            "--dry-run=server",
            "--disable-openapi-validation",
            "--kubeconfig",
            str(kubeconfig),
            "--values",
            "-",
        ]
        for file in files:
            command += ["--values", str(CHART / file)]
        environment = {"HOME": str(home), "PATH": ""}
        return subprocess.run(
            command, input=json.dumps(values), env=environment, capture_output=True, text=True, check=False
        )


def objects(done: subprocess.CompletedProcess[str]) -> list[Object]:
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def encoded(**data: str) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}


def test_missing_secrets_are_named_before_anything_is_created(tmp_path: Path) -> None:
    done = install(
        tmp_path,
        {"fleet-broker": encoded(address="x")},
        {"pools": {"code_generator": {"envFromSecrets": ["llm"]}}},
        "values-production.yaml",
    )
    assert done.returncode != 0
    for complaint in (
        'broker.existingSecret: Secret fleet/fleet-broker has no key "url"',
        "broker.caSecret: Secret fleet/fleet-broker-ca does not exist; create it first: kubectl",
        "kubectl -n fleet create secret generic fleet-broker-ca --from-literal=ca.crt=...",
        "ledger.existingSecret: Secret fleet/fleet-ledger does not exist",
        "flower.basicAuth.existingSecret: Secret fleet/fleet-flower does not exist",
        "pools.code_generator.envFromSecrets: Secret fleet/llm does not exist",
    ):
        assert complaint in done.stderr, done.stderr


def test_with_its_secrets_production_installs(tmp_path: Path) -> None:
    secrets = {
        "fleet-broker": encoded(url="rediss://x"),
        "fleet-broker-ca": {"ca.crt": encoded(a="pem")["a"]},
        "fleet-ledger": encoded(url="postgresql://x"),
        "fleet-flower": {"basic-auth": encoded(a="u:p")["a"]},
    }
    assert objects(install(tmp_path, secrets, {}, "values-production.yaml"))


def test_secrets_another_controller_writes_need_not_be_there_yet(tmp_path: Path) -> None:
    values = {
        "externalSecrets": {
            "enabled": True,
            "secrets": [
                {"name": name, "keys": {"url": {"key": f"fleet/{name}"}}}
                for name in ("fleet-broker", "fleet-ledger", "fleet-flower")
            ],
        }
    }
    done = install(tmp_path, {}, values, "values-production.yaml")
    assert "Secret fleet/fleet-broker-ca does not exist" in done.stderr
    assert "1 value(s) need attention" in done.stderr
    authority = {"fleet-broker-ca": {"ca.crt": encoded(a="pem")["a"]}}
    assert objects(install(tmp_path, authority, values, "values-production.yaml"))


def test_a_namespace_that_is_yet_to_be_created_has_no_secrets(tmp_path: Path) -> None:
    done = install(tmp_path, {}, {}, "values-production.yaml", exists=False)
    assert "broker.existingSecret: Secret fleet/fleet-broker does not exist" in done.stderr
    assert objects(install(tmp_path, {}, {}, exists=False))


def test_secrets_of_programs_and_registries_are_asked_for(tmp_path: Path) -> None:
    values = {
        "image": {"pullSecrets": [{"name": "registry"}]},
        "gateway": {"envFromSecrets": ["oidc"]},
        "poolDefaults": {"envFromSecrets": ["llm"]},
    }
    done = install(tmp_path, {}, values)
    for place, name in (
        ("image.pullSecrets", "registry"),
        ("gateway.envFromSecrets", "oidc"),
        ("pools.code_generator.envFromSecrets", "llm"),
    ):
        assert f"{place}: Secret fleet/{name} does not exist" in done.stderr, done.stderr


def test_generated_passwords_are_kept_by_an_upgrade(tmp_path: Path) -> None:
    first = objects(install(tmp_path, {}, {}))
    held = {name: named(first, "Secret", name)["data"] for name in ("redis-auth", "flower-auth")}
    second = objects(install(tmp_path, held, {}))
    assert {name: named(second, "Secret", name)["data"] for name in held} == held
    third = objects(install(tmp_path, {}, {}))
    assert named(third, "Secret", "redis-auth")["data"]["fleet"] != held["redis-auth"]["fleet"]


def test_the_redis_trigger_needs_a_user_name_beside_the_password(tmp_path: Path) -> None:
    values = {
        "redis": {"auth": {"existingSecret": {"name": "mine"}}},
        "scaler": {"enabled": False},
        "autoscaling": {"trigger": "redis"},
    }
    done = install(tmp_path, {"mine": encoded(fleet="a", replica="b", probe="c")}, values)
    assert 'redis.auth.existingSecret: Secret fleet/mine has no key "username"' in done.stderr
