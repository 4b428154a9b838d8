"""Would docker compose run this fleet? The specification's schema, and every reference followed; there is no engine here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from typing import Any

import jsonschema
import pytest
import yaml
from toolbox import COMPOSE_SCHEMA, HOME, ROOT

sys.path.insert(0, str(ROOT))

from fleet.catalogue.load import load
from fleet.settings import NOT_SETTINGS, PREFIX, build

TEXT = (ROOT / "docker-compose.yml").read_text()
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = FILE["services"]
COMPONENTS = tomllib.loads((ROOT / "deploy/image/components.toml").read_text())
PROGRAMS = {name: service for name, service in SERVICES.items() if "agent-fleet" in service["image"]}
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(:?[?-][^}]*)?\}")
HOST = re.compile(
    r"(?:https?|redis|otlp)://(?:[^@/\s\"']*@)?([a-z-]+):(\d+)|\b(?:targets: \[|endpoint: )([a-z-]+):(\d+)"
)
LISTENS = {
    "redis": {6379},
    "gateway": {8080},
    "flower": {5555},
    "metrics": {9808},
    "prometheus": {9090},
    "jaeger": {4317, 16686},
    "otel-collector": {4317, 4318},
    "openbao": {8200},
}


def seconds(text: str) -> int:
    return sum(int(number) * {"s": 1, "m": 60, "h": 3600}[unit] for number, unit in re.findall(r"(\d+)([smh])", text))


def test_the_file_fits_the_compose_specification() -> None:
    jsonschema.Draft7Validator(json.loads(COMPOSE_SCHEMA.read_text())).validate(FILE)


def test_the_compose_linter_finds_no_error() -> None:
    command = [
        str(HOME / "node_modules/.bin/dclint"),
        str(ROOT / "docker-compose.yml"),
        "--quiet",
        "--disable-rule",
        "no-build-and-image",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_references_lead_somewhere() -> None:
    for name, service in SERVICES.items():
        wanted = service.get("depends_on", {})
        for target in wanted:
            assert target in SERVICES, f"{name} depends on {target}"
            if isinstance(wanted, dict) and wanted[target]["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[target] or target in PROGRAMS, target
        for network in service.get("networks", []):
            assert network in FILE["networks"]
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in FILE["volumes"], volume


def test_every_demanded_variable_is_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text()
    demanded = {name for name, rest in VARIABLE.findall(TEXT) if not rest or rest.lstrip(":").startswith("?")}
    assert demanded == {"REDIS_PASSWORD", "FLOWER_BASIC_AUTH", "GRAFANA_PASSWORD"}
    for name in demanded:
        assert re.search(rf"^{name}=$", example, re.MULTILINE), f".env.example: {name} is missing, or has a value"


def test_every_pool_has_a_service_with_time_to_drain() -> None:
    workers = {service["command"][1]: service for service in PROGRAMS.values() if service["command"][0] == "worker"}
    pools = load().pools
    assert set(workers) == set(pools)
    for name, service in workers.items():
        assert seconds(service["stop_grace_period"]) >= pools[name].grace_seconds


def test_the_programs_of_a_fleet_are_all_there() -> None:
    assert {"gateway", "beat", "maintenance", "metrics", "flower"} <= {
        service["command"][0] for service in PROGRAMS.values()
    }


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_run_without_rights_from_their_own_image(name: str) -> None:
    service = PROGRAMS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    row = COMPONENTS[service["build"]["args"]["COMPONENT"]]
    assert f"}}{row['image']}:" in service["image"]
    for key, value in service["environment"].items():
        if key.startswith(PREFIX) and key not in NOT_SETTINGS:
            build({}, {key: VARIABLE.sub("local", value)})


@pytest.mark.parametrize("name", SERVICES)
def test_services_are_pinned_limited_and_local(name: str) -> None:
    service = SERVICES[name]
    tag = service["image"].rpartition(":")[2]
    assert tag != "latest", service["image"]
    assert any(character.isdigit() for character in tag), service["image"]
    assert {"cpus", "memory"} <= set(service["deploy"]["resources"]["limits"])
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), (
        "reach it through a proxy that has a certificate"
    )


def test_the_broker_keeps_what_it_accepted_behind_a_password() -> None:
    settings = dict(
        line.split(maxsplit=1)
        for line in (ROOT / "deploy/compose/redis.conf").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert settings["appendonly"] == "yes"
    assert settings["maxmemory-policy"] == "noeviction"
    assert "--requirepass" in SERVICES["redis"]["command"][-1]


def test_addresses_name_services_that_listen_there() -> None:
    texts = [TEXT, *(file.read_text() for file in sorted((ROOT / "deploy/compose").rglob("*.y*ml")))]
    found = {(a or c, int(b or d)) for text in texts for a, b, c, d in HOST.findall(VARIABLE.sub("x", text))}
    assert len(found) >= 7
    for host, port in found:
        assert port in LISTENS[host], (host, port)


def test_only_dev_has_a_fixed_token() -> None:
    assert SERVICES["openbao"]["profiles"] == ["dev"]
