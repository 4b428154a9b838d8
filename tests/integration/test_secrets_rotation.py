"""Does a rotation survive a crash after any step, for every kind of credential, without anybody losing access?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import pytest
import redis
from integration.openbao import OpenBao
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fleet.clock import ManualClock
from fleet.secrets import api_keys, policy, rotate, signing_keys
from fleet.secrets.backend import SecretBackend
from fleet.secrets.credentials import credential, kind_of
from fleet.secrets.errors import BackendUnavailable, SecretMissing
from fleet.secrets.local import LocalBackend, passphrase_key
from fleet.secrets.roles import Role
from fleet.secrets.rotate import Credential, Fields, Progress
from fleet.secrets.rotation import State, Step
from fleet.secrets.signing import Message, sign, verify
from fleet.secrets.vault import VaultBackend
from fleet.store.client import accepts_login

CELL = "rotation-test"
OVERLAP = 60.0
Recorded = list[tuple[str, str]]


class Crash(Exception):
    """The process died here."""


@pytest.fixture(params=["local", "vault"])
def backend(request: pytest.FixtureRequest, tmp_path: Path, openbao: OpenBao) -> SecretBackend:
    if request.param == "local":
        return LocalBackend(tmp_path / "secrets.json", passphrase_key(SecretStr("correct horse")))
    root = openbao.root()
    policy.apply(root, [], mount=openbao.mount, transit=openbao.transit)
    return VaultBackend(root, mount=openbao.mount)


class Run:
    """A rotation with a clock and a record, and places to crash."""

    def __init__(self, backend: SecretBackend, kind: Credential, path: str) -> None:
        self.backend, self.kind, self.path = backend, kind, path
        self.clock = ManualClock()
        self.recorded: Recorded = []
        self.crash_after = ""

    def record(self, action: str, _target: str, outcome: str, detail: Mapping[str, object]) -> None:
        assert "canary" not in str(detail)
        self.recorded.append((action, outcome))
        if action == self.crash_after:
            self.crash_after = ""
            raise Crash(action)

    def advance(self) -> Progress:
        return rotate.advance(
            self.backend, self.kind, self.path, self.record, overlap_seconds=OVERLAP, clock=self.clock
        )

    def to_the_end(self) -> Progress:
        rotate.start(self.backend, self.path, self.kind.kind, clock=self.clock)
        while True:
            try:
                progress = self.advance()
            except Crash:
                continue
            if progress.waits_until is None:
                return progress
            assert self.usable(), "while both overlap, what is read works"
            self.clock.advance(progress.waits_until - self.clock.now())

    def usable(self) -> bool:
        return self.kind.verify(self.backend.read(self.path).fields) is None


def broker(backend: SecretBackend, store: redis.Redis) -> Run:
    store.execute_command("ACL SETUSER", "rotated-user", "reset", "on", "+ping", ">first-password")
    backend.write(
        "fleet/broker/worker", {"username": SecretStr("rotated-user"), "password": SecretStr("first-password")}
    )
    return Run(backend, kind("broker", backend, store), "fleet/broker/worker")


def gateway(backend: SecretBackend, store: redis.Redis) -> Run:
    text = api_keys.generate()
    api_keys.admit(store, CELL, text, name="flower", tenant="acme", role=Role.OPERATOR, days=1)
    fields = {"key": text, "name": SecretStr("flower"), "tenant": SecretStr("acme"), "role": SecretStr("operator")}
    backend.write("fleet/gateway/flower", fields)
    return Run(backend, kind("gateway", backend, store), "fleet/gateway/flower")


def signing(backend: SecretBackend, store: redis.Redis) -> Run:
    run = Run(backend, kind("signing", backend, store), signing_keys.SIGNING)
    first = run.kind.generate({})
    run.kind.admit(first)
    backend.write(signing_keys.SIGNING, first)
    return run


def kind(name: str, backend: SecretBackend, store: redis.Redis) -> Credential:
    return credential(name, backend=backend, client=store, cell=CELL)


MAKERS = {"broker": broker, "gateway": gateway, "signing": signing}


@pytest.mark.parametrize("step", ["", *Step])
@pytest.mark.parametrize("maker", MAKERS)
def test_a_crash_after_any_step_resumes(backend: SecretBackend, store: redis.Redis, maker: str, step: str) -> None:
    run = MAKERS[maker](backend, store)
    old = backend.read(run.path).fields
    run.crash_after = f"rotation.{step}" if step else ""
    progress = run.to_the_end()
    assert progress.rotation.state is State.DONE
    new = backend.read(run.path).fields
    assert dict(new) != dict(old)
    assert run.usable()
    if maker != "signing":
        assert run.kind.verify(old) is not None, "the old credential opens nothing any more"
    else:
        accepted = signing_keys.verify_keys(backend.read(signing_keys.VERIFYING))
        message = Message("id", "code_generation", b"{}")
        assert verify(accepted, sign(signing_keys.signing_key(new), message), message).genuine
        assert not verify(accepted, sign(signing_keys.signing_key(old), message), message).genuine
    with pytest.raises(SecretMissing):
        backend.read(run.path, 1)
    assert backend.paths("rotations") == ()
    assert list(dict.fromkeys(run.recorded)) == [
        (f"rotation.{name}", "ok") for name in ("stage", "admit", "verify", "switch", "revoke", "close")
    ]


def test_generated_values_are_long_and_keep_who_they_are_for(backend: SecretBackend, store: redis.Redis) -> None:
    run = gateway(backend, store)
    run.to_the_end()
    fields = {name: value.get_secret_value() for name, value in backend.read(run.path).fields.items()}
    found = api_keys.authenticate(store, CELL, fields["key"])
    assert isinstance(found, api_keys.ApiKey)
    assert (found.tenant, found.role, found.name) == ("acme", Role.OPERATOR, "flower")
    assert len(fields["key"]) >= 32
    user = broker(backend, store)
    user.to_the_end()
    password = backend.read(user.path).field("password").get_secret_value()
    assert len(password) >= 32
    assert accepts_login(store, "rotated-user", password)
    assert not accepts_login(store, "rotated-user", "first-password")


def test_of_two_runners_one_advances_and_none_breaks_it(backend: SecretBackend, store: redis.Redis) -> None:
    run = broker(backend, store)
    first = rotate.start(backend, run.path, "broker", clock=run.clock)
    second = rotate.start(backend, run.path, "broker", clock=run.clock)
    assert first == second
    assert [rotation.path for rotation in rotate.under_way(backend)] == [run.path]


def test_somebody_elses_write_rolls_the_rotation_back(backend: SecretBackend, store: redis.Redis) -> None:
    run = gateway(backend, store)
    rotate.start(backend, run.path, "gateway", clock=run.clock)
    progress = run.advance()
    assert progress.rotation.state is State.VERIFIED
    other = {**backend.read(run.path).fields, "note": SecretStr("by hand")}
    backend.write(run.path, other)
    run.clock.advance(OVERLAP)
    progress = run.advance()
    assert progress.rotation.state is State.ROLLED_BACK
    assert dict(backend.read(run.path).fields) == other
    assert [key.name for key in api_keys.every(store, CELL) if key.tenant == "acme"].count("flower") >= 1
    assert backend.paths("rotations") == ()
    assert run.recorded[-2:] == [("rotation.switch", "failed"), ("rotation.withdraw", "ok")]


class Provider:
    """A model provider that knows which keys are good."""

    def __init__(self, server: HTTPServer, good: set[str]) -> None:
        self.good, self.status = good, 200
        server.expect_request("/v1/models").respond_with_handler(self.answer)
        self.url = server.url_for("/v1")

    def answer(self, request: Request) -> Response:
        key = request.headers["authorization"].removeprefix("Bearer ")
        return Response('{"data": []}', status=self.status if key in self.good else 401)


def test_a_provider_key_is_tried_before_anybody_gets_it(
    backend: SecretBackend, store: redis.Redis, httpserver: HTTPServer
) -> None:
    provider = Provider(httpserver, {"canary-good-key"})
    path = "agents/code_generator/llm"
    backend.write(path, {"api_key": SecretStr("old"), "org": SecretStr("acme")})

    def run(supplied: str) -> Run:
        llm = credential(
            "llm",
            backend=backend,
            client=store,
            cell=CELL,
            llm_base_url=provider.url,
            supplied=SecretStr(supplied),
        )
        return Run(backend, llm, path)

    wrong = run("canary-wrong-key")
    rotate.start(backend, path, "llm", clock=wrong.clock)
    progress = wrong.advance()
    assert progress.rotation.state is State.ROLLED_BACK
    assert "401" in progress.rotation.reason
    assert backend.read(path).field("api_key").get_secret_value() == "old"

    good = run("canary-good-key")
    provider.status = 503
    rotate.start(backend, path, "llm", clock=good.clock)
    with pytest.raises(BackendUnavailable, match="waits"):
        good.advance()
    provider.status = 200
    good.advance()
    good.clock.advance(OVERLAP)
    good.advance()
    fields = backend.read(path).fields
    assert fields["api_key"].get_secret_value() == "canary-good-key"
    assert fields["org"].get_secret_value() == "acme"


def test_a_step_that_fails_is_repeated_and_nothing_is_recorded_for_it(
    backend: SecretBackend, store: redis.Redis
) -> None:
    class Away:
        kind = "broker"

        def __init__(self, inner: Credential) -> None:
            self.generate, self.verify, self.revoke = inner.generate, inner.verify, inner.revoke

        def admit(self, new: Fields) -> NoReturn:
            raise BackendUnavailable(f"the broker is away, {len(new)} fields stay staged")

    run = broker(backend, store)
    working = run.kind
    run.kind = Away(working)
    rotate.start(backend, run.path, "broker", clock=run.clock)
    for _ in range(2):
        with pytest.raises(BackendUnavailable):
            run.advance()
    assert run.recorded == [("rotation.stage", "ok")]
    run.kind = working
    assert run.to_the_end().rotation.state is State.DONE


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("fleet/broker/worker", "broker"),
        ("fleet/gateway/flower", "gateway"),
        ("fleet/signing", "signing"),
        ("agents/code_generator/llm", "llm"),
        ("agents/code_generator/git", None),
        ("shared/verify_keys", None),
    ],
)
def test_a_path_says_what_kind_it_is(path: str, expected: str | None) -> None:
    assert kind_of(path) == expected
