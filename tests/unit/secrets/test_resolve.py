"""Does the resolver read once for many, keep values fresh, outlive outages, and put every access on record?"""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from fleet.clock import ManualClock
from fleet.secrets.backend import Secret
from fleet.secrets.environment import EnvironmentBackend
from fleet.secrets.errors import BackendUnavailable, SecretMissing
from fleet.secrets.resolve import Resolver
from fleet.settings import build
from fleet.telemetry import logs

PATH = "agents/code_generator/llm"
VARIABLE = "FLEET_SECRET_AGENTS__CODE_GENERATOR__LLM___API_KEY"
Recorded = list[tuple[str, str, str]]


class Switchable(EnvironmentBackend):
    """The environment backend over a connection that can be cut, slowed and changed."""

    def __init__(self, value: str) -> None:
        self.set(value)
        self.cut = False
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Event()
        self.reads = 0

    def set(self, value: str) -> None:
        super().__init__({VARIABLE: value})

    def read(self, path: str, version: int | None = None) -> Secret:
        self.reads += 1
        self.arrived.set()
        assert self.gate.wait(10)
        if self.cut:
            raise BackendUnavailable("cut")
        return super().read(path, version)


def resolver(backend: EnvironmentBackend, clock: ManualClock) -> tuple[Resolver, Recorded]:
    recorded: Recorded = []

    def record(action: str, target: str, outcome: str, detail: Mapping[str, object]) -> None:
        assert "canary" not in str(detail)
        recorded.append((action, target, outcome))

    return Resolver(backend, record, cache_seconds=30, stale_seconds=300, clock=clock), recorded


def read(subject: Resolver) -> str:
    return subject.value(PATH, "api_key").get_secret_value()


def test_a_rotated_value_arrives_within_the_cache_time() -> None:
    clock, backend = ManualClock(), Switchable("first")
    subject, _ = resolver(backend, clock)
    assert read(subject) == "first"
    backend.set("second")
    clock.advance(29)
    assert read(subject) == "first"
    clock.advance(1)
    assert read(subject) == "second"
    backend.set("third")
    assert subject.refresh(PATH).field("api_key").get_secret_value() == "third"


def test_many_askers_make_one_request_and_one_entry() -> None:
    backend = Switchable("value")
    subject, recorded = resolver(backend, ManualClock())
    backend.gate.clear()
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(read, subject) for _ in range(16)]
        assert backend.arrived.wait(10)
        backend.gate.set()
        assert {answer.result() for answer in asked} == {"value"}
    assert backend.reads == 1
    assert recorded == [("secret.read", PATH, "ok")]


def test_the_last_value_serves_while_the_backend_is_away_but_not_for_ever() -> None:
    clock, backend = ManualClock(), Switchable("value")
    subject, recorded = resolver(backend, clock)
    read(subject)
    backend.cut = True
    clock.advance(299)
    assert read(subject) == "value"
    clock.advance(2)
    with pytest.raises(BackendUnavailable):
        read(subject)
    assert recorded[-1] == ("secret.read", PATH, "failed")
    backend.cut = False
    assert read(subject) == "value"


def test_a_secret_that_was_removed_is_not_served_from_the_cache() -> None:
    clock, backend = ManualClock(), Switchable("value")
    subject, _ = resolver(backend, clock)
    read(subject)
    EnvironmentBackend.__init__(backend, {})
    clock.advance(31)
    for _ in range(2):
        with pytest.raises(SecretMissing):
            read(subject)


def test_an_access_that_cannot_be_recorded_gives_no_value() -> None:
    def refuse(*_: object) -> None:
        raise BackendUnavailable("no audit log")

    subject = Resolver(EnvironmentBackend({VARIABLE: "value"}), refuse)
    with pytest.raises(BackendUnavailable, match="audit"):
        read(subject)


def test_a_value_that_was_handed_out_never_reaches_a_log_line() -> None:
    out = io.StringIO()
    subject, _ = resolver(EnvironmentBackend({VARIABLE: "canary-b7c1-9d22"}), ManualClock())
    value = read(subject)
    logs.configure("DEBUG", "json", out)
    try:
        raise ValueError(f"the provider said {value} is wrong")
    except ValueError:
        logs.get("secrets").exception("call_failed", answer=f"key={value}", nested={"list": [value, SecretStr(value)]})
    assert "call_failed" in out.getvalue()
    assert "canary-b7c1" not in out.getvalue()


def test_secrets_in_the_environment_are_no_settings_and_a_missing_one_says_what_to_set() -> None:
    build({}, {VARIABLE: "x", "FLEET_SECRETS__BACKEND": "environment"})
    with pytest.raises(SecretMissing, match="set FLEET_SECRET_ALERTS__SLACK___FIELD"):
        EnvironmentBackend({VARIABLE: "x"}).read("alerts/slack")


def test_the_environment_finds_its_paths_again() -> None:
    backend = EnvironmentBackend({VARIABLE: "x", "FLEET_SECRET_SHARED__GIT___TOKEN": "y", "OTHER": "z"})
    assert backend.paths() == (PATH, "shared/git")
    assert backend.paths("shared") == ("shared/git",)
    assert [v.number for v in backend.versions(PATH)] == [1]
    with pytest.raises(BackendUnavailable, match="read only"):
        backend.write(PATH, {"api_key": SecretStr("x")})
