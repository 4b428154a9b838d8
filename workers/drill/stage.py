"""Which fleet does a drill run on? Every door shut, every program with a login of its own at Vault and at the broker."""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import httpx
from pydantic import SecretStr

from fleet import catalogue
from fleet.dispatcher import declare
from fleet.secrets import api_keys, broker_acl, configured, policy, upkeep
from fleet.secrets.credentials import random_text
from fleet.secrets.roles import Role
from fleet.secrets.vault_login import VaultSession
from fleet.settings import current
from fleet.store.client import connect
from fleet.store.credentials import without_login
from fleet.supervisor import openbao, programs, valkey
from workers import throwaway
from workers.drill import provider as providers

LLM, CANARY, API_KEY, SIGNING = "agents/drill/llm", "agents/drill/canary", "fleet/gateway/drill", "fleet/signing"
READY_SECONDS = 90.0
CACHE_SECONDS, OVERLAP_SECONDS = 2.0, 6.0
"""An overlap is three cache times long: everybody has read the successor before its predecessor ends."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A running fleet."""

    folder: Path
    provider: providers.Provider
    running: Mapping[str, subprocess.Popen[bytes]]
    urls: Mapping[str, str]
    flower_login: tuple[str, str]


@contextmanager
def stage(tell: Callable[[str], None]) -> Iterator[Stage]:
    """Run the fleet for the block; this process is its operator."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fleet-drill-")))
        provider = stack.enter_context(providers.running())
        vault = stack.enter_context(openbao.running())
        broker = valkey.start(folder)
        stack.callback(_end, [broker.process])
        stack.enter_context(throwaway.settings(_settings(folder, vault, broker.url, provider.url)))
        roles = {role.holder: role.role_id for role in policy.apply(_vault(), catalogue.current().agent_types)}
        _make_secrets(provider)
        declare.publish()
        tell("starting workers, beat, gateway, Flower and metrics, each with a login of its own")
        login = "drill", secrets.token_urlsafe(24)
        running: dict[str, subprocess.Popen[bytes]] = {}
        stack.callback(lambda: _end(list(running.values())))
        ports = {name: valkey.free_port() for name in ("gateway", "flower", "metrics")}
        for program, component, holder in _programs(ports, login):
            running[program.name] = _start(folder, program, component, holder, roles[holder])
        urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        built = Stage(folder, provider, running, urls, login)
        _await_ready(built)
        yield built


def _settings(folder: Path, vault: openbao.OpenBao, broker_url: str, provider_url: str) -> dict[str, str]:
    return {
        "FLEET_STATE_DIR": str(folder),
        "FLEET_FILE": str(files("workers.drill").joinpath("fleet.yaml")),
        "FLEET_BROKER__URL": broker_url,
        "FLEET_BROKER__SIGN_MESSAGES": "true",
        **_group(
            "secrets",
            backend="vault",
            vault_url=vault.url,
            vault_auth="token",
            vault_credential=vault.root_token.get_secret_value(),
            vault_envelope="true",
            cache_seconds=str(CACHE_SECONDS),
            overlap_seconds=str(OVERLAP_SECONDS),
        ),
        "FLEET_LLM__PROVIDER": "openai",
        "FLEET_LLM__BASE_URL": f"{provider_url}/v1",
        "FLEET_TELEMETRY__OTLP_ENDPOINT": provider_url,
        "FLEET_TELEMETRY__LOG_FORMAT": "json",
    }


def _group(name: str, **values: str) -> dict[str, str]:
    return {f"FLEET_{name}__{field}".upper(): value for field, value in values.items()}


def _make_secrets(provider: providers.Provider) -> None:
    """Make the first credentials, as an operator does when a fleet is set up."""
    backend, settings = configured.backend(), current()
    users = broker_acl.users(settings.cell, [pool.queue for pool in catalogue.current().pools.values()])
    broker_acl.apply(connect(), backend, users)
    upkeep.rotate_one(SIGNING)
    first = random_text()
    provider.keys.add(first.get_secret_value())
    backend.write(LLM, {"api_key": first})
    backend.write(CANARY, {"value": random_text()})
    key = api_keys.generate()
    api_keys.admit(connect(), settings.cell, key, name="drill", tenant="drill", role=Role.PRODUCER, days=1)
    about = {"name": "drill", "tenant": "drill", "role": Role.PRODUCER.value}
    backend.write(API_KEY, {"key": key, **{name: SecretStr(value) for name, value in about.items()}})


def _programs(ports: Mapping[str, int], login: tuple[str, str]) -> Iterator[tuple[programs.Program, str, str]]:
    """Yield each program, its broker user, and who it is at Vault."""
    for index in ("1", "2"):
        yield programs.worker("drill", index), "worker", "agents/drill"
    yield programs.worker(programs.MAINTENANCE), "maintenance", "operator"
    yield programs.beat(), "beat", "beat"
    yield programs.own("gateway", "gateway", "--port", str(ports["gateway"])), "gateway", "gateway"
    yield programs.own("metrics", "metrics", "--port", str(ports["metrics"])), "metrics", "metrics"
    yield programs.flower(ports["flower"], *login), "flower", "flower"


def _start(
    folder: Path, program: programs.Program, component: str, holder: str, role_id: str
) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        **program.environment,
        "FLEET_BROKER__URL": without_login(os.environ["FLEET_BROKER__URL"]),
        "FLEET_BROKER__LOGIN_SECRET": f"fleet/broker/{component}",
        **_group(
            "secrets",
            vault_auth="approle",
            vault_role=role_id,
            vault_credential=policy.issue_secret_id(_vault(), holder),
        ),
    }
    with (folder / f"{program.name}.log").open("wb") as log:
        return subprocess.Popen(
            program.command, env=environment, stdout=log, stderr=subprocess.STDOUT, preexec_fn=valkey.die_with_parent
        )


def _await_ready(built: Stage) -> None:
    end = time.monotonic() + READY_SECONDS
    while not _is_ready(built):
        dead = [name for name, process in built.running.items() if process.poll() is not None]
        if dead or time.monotonic() > end:
            names = dead or list(built.running)
            last = "\n".join(f"{name}: {(built.folder / f'{name}.log').read_text()[-600:]}" for name in names)
            raise TimeoutError(f"the drill's fleet was not ready within {READY_SECONDS:g} s:\n{last}\n{refusals()}")
        time.sleep(0.2)


def _is_ready(built: Stage) -> bool:
    from fleet.registry import roster

    try:
        served = all(
            httpx.get(f"{built.urls[name]}{path}", auth=built.flower_login, timeout=5).is_success
            for name, path in (("gateway", "/ready"), ("metrics", "/metrics"), ("flower", "/"))
        )
    except httpx.HTTPError:
        return False
    return served and len(roster.workers()) >= 2


def refusals() -> tuple[str, ...]:
    """Return what the broker's own log says was refused, a wrong password included."""
    entries = connect().acl_log(count=1000)
    return tuple(sorted({f"{one['username']}: {one['reason']} {one['object']} ({one['context']})" for one in entries}))


def _vault() -> VaultSession:
    return configured.vault_session(current().secrets)


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
