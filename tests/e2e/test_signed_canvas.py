"""Do Celery's chains, chords, callbacks and retries work from inside workers while messages must be signed?

A real OpenBao: the worker logs in with its agent type's AppRole, may not read the producers' key, and has one of its own that
is good for the task type `add` alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from celery import chain, chord
from celery.result import AsyncResult
from e2e.cell import Cell, running
from eventually import eventually
from integration.openbao import OpenBao, fresh
from pydantic import SecretStr

from fleet.app import app
from fleet.dispatcher import malformed, tasks
from fleet.dispatcher.submit import TaskRequest, encode, send
from fleet.secrets import policy, signing_keys, upkeep
from fleet.secrets.errors import AccessDenied
from fleet.secrets.resolve import Resolver
from fleet.secrets.vault import VaultBackend
from fleet.secrets.vault_login import AppRoleLogin, VaultSession

WAIT = 30


@pytest.fixture(scope="module")
def bao() -> OpenBao:
    return fresh()


@pytest.fixture(scope="module")
def agent(bao: OpenBao) -> dict[str, str]:
    """What a worker of the agent type logs in with."""
    applied = policy.apply(bao.root(), ["stepper"], mount=bao.mount, transit=bao.transit)
    role = next(one.role_id for one in applied if one.holder == "agents/stepper")
    return {
        "FLEET_SECRETS__VAULT_AUTH": "approle", "FLEET_SECRETS__VAULT_ROLE": role,
        "FLEET_SECRETS__VAULT_CREDENTIAL": policy.issue_secret_id(bao.root(), "agents/stepper"),
    }  # fmt: skip


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory, bao: OpenBao, agent: dict[str, str]) -> Iterator[Cell]:
    environment = {
        "FLEET_BROKER__SIGN_MESSAGES": "true", "FLEET_SECRETS__BACKEND": "vault", "FLEET_SECRETS__VAULT_URL": bao.url,
        "FLEET_SECRETS__VAULT_MOUNT": bao.mount, "FLEET_SECRETS__VAULT_AUTH": "token", "FLEET_SECRETS__VAULT_CREDENTIAL": bao.root_token,
        "FLEET_SECRETS__OVERLAP_SECONDS": "0",
    }  # fmt: skip
    with running(tmp_path_factory.mktemp("signed"), environment) as cell:
        for path in ("fleet/signing", "agents/stepper/signing"):
            assert upkeep.rotate_one(path).rotation.state == "done"
        cell.start("steps", "steps", **agent)
        yield cell


def sig(name: str, **payload: Any) -> Any:
    return app.signature(name, kwargs=payload)


def test_chains_chords_and_callbacks_are_signed_by_the_worker(cell: Cell) -> None:
    assert chain(sig("add", x=1), sig("add", x=10), sig("add", x=100)).apply_async().get(timeout=WAIT)["sum"] == 111
    assert chord([sig("add", x=n) for n in range(3)], sig("add", x=100)).apply_async().get(timeout=WAIT)["sum"] == 103
    sig("add", x=1).apply_async(link=sig("add", x=5).set(task_id="after-success"))
    assert AsyncResult("after-success", app=app).get(timeout=WAIT)["sum"] == 6


def test_celery_s_retry_carries_the_first_signature(cell: Cell) -> None:
    own, auto = sig("stubborn", until=2).apply_async(), sig("touchy", until=2).apply_async()
    assert (own.get(timeout=WAIT), auto.get(timeout=WAIT)) == (2, 2), "no worker may sign these anew"


def test_what_a_worker_may_not_publish_fails_with_what_to_do(cell: Cell) -> None:
    failed = chain(sig("add", x=1), sig("nap", seconds=0)).apply_async()
    first = failed.parent.id
    record = eventually(lambda: (found := tasks.read(first)) and found.state in ("done", "failed", "dead") and found, timeout=WAIT)
    assert record.state in ("failed", "dead"), record
    assert "agent_types.stepper.publishes" in record.reason
    assert "agents/stepper/signing" in record.reason


def test_a_worker_s_key_is_good_for_nothing_else(cell: Cell, bao: OpenBao, agent: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    login = AppRoleLogin(agent["FLEET_SECRETS__VAULT_ROLE"], SecretStr(agent["FLEET_SECRETS__VAULT_CREDENTIAL"]))
    session = VaultSession(bao.url, login)
    stolen = Resolver(VaultBackend(session, mount=bao.mount), lambda *_: None)
    with pytest.raises(AccessDenied):
        stolen.secret(signing_keys.SIGNING)
    own = signing_keys.agents_own("stepper")
    real = signing_keys.sign_message
    monkeypatch.setattr(signing_keys, "sign_message", lambda _resolver, message, _path="": real(stolen, message, own))
    [answer] = send([encode(TaskRequest("nap", {"seconds": 0}))])
    monkeypatch.undo()
    [kept] = eventually(lambda: [row for row in malformed.read() if answer.task_id in row.text], timeout=WAIT)
    assert "may not publish 'nap'" in kept.reason
