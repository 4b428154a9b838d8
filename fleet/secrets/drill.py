"""Do credentials rotate under load without anybody being refused?

A drill that can run against a live fleet: it makes credentials of its own (a broker user, an API key, a signing key) in
the configured backend and at the real broker, uses them from several threads through caches as programs do, and rotates
each again and again. Every refusal counts. Afterwards nothing of it is left.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from fleet.clock import SYSTEM, Clock
from fleet.errors import FleetError
from fleet.secrets import api_keys, rotate, signing_keys
from fleet.secrets.backend import SecretBackend
from fleet.secrets.credentials import BrokerUser, GatewayKey, SigningKeys, random_text
from fleet.secrets.resolve import Recorder, Resolver
from fleet.secrets.roles import Role
from fleet.secrets.rotate import Credential
from fleet.secrets.rotation import State
from fleet.secrets.signing import Message, sign, verify
from fleet.store.client import Client, accepts_login, available

USER = "fleet-drill"
BROKER, GATEWAY, SIGNING, VERIFYING = "drill/broker", "drill/gateway", "drill/signing", "drill/verify_keys"
THREADS_PER_KIND = 2
MOST_REASONS = 20


@dataclass(frozen=True, slots=True)
class Report:
    """What happened: per kind of credential, how often it was rotated and used, and every refusal."""

    seconds: float
    rotations: Mapping[str, int]
    uses: Mapping[str, int]
    refusals: int
    reasons: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return self.refusals == 0 and all(self.rotations.values()) and all(self.uses.values())


@dataclass(slots=True)
class _Tally:
    lock: threading.Lock = field(default_factory=threading.Lock)
    uses: Counter[str] = field(default_factory=Counter)
    refusals: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, kind: str, refusal: str | None) -> None:
        with self.lock:
            self.uses[kind] += 1
            if refusal is not None:
                self.refusals += 1
                if len(self.reasons) < MOST_REASONS:
                    self.reasons.append(f"{kind}: {refusal}")


def run(
    backend: SecretBackend,
    client: Client,
    cell: str,
    recorder: Recorder,
    *,
    seconds: float = 30.0,
    cache_seconds: float = 0.5,
    clock: Clock = SYSTEM,
) -> Report:
    """Rotate three credentials under load for a time; overlaps are three cache times long."""
    kinds: dict[str, Credential] = {
        BROKER: BrokerUser(client),
        GATEWAY: GatewayKey(client, cell, days=1.0),
        SIGNING: SigningKeys(backend, VERIFYING),
    }
    resolver = Resolver(backend, _unrecorded, cache_seconds=cache_seconds, clock=clock)
    uses = {BROKER: _log_in(client), GATEWAY: _authenticate(client, cell), SIGNING: _sign_and_verify}
    tally, over = _Tally(), threading.Event()
    done: Counter[str] = Counter()
    _prepare(backend, client, cell, kinds)
    threads = [
        threading.Thread(target=_load, args=(path, use, resolver, tally, over), daemon=True)
        for path, use in uses.items()
        for _ in range(THREADS_PER_KIND)
    ]
    began = clock.monotonic()
    try:
        for thread in threads:
            thread.start()
        while clock.monotonic() - began < seconds:
            for path, kind in kinds.items():
                rotate.start(backend, path, kind.kind, clock=clock)
                progress = rotate.advance(backend, kind, path, recorder, overlap_seconds=3 * cache_seconds, clock=clock)
                done[path] += progress.rotation.state is State.DONE
            over.wait(cache_seconds / 4)
    finally:
        over.set()
        for thread in threads:
            thread.join()
        _clean(backend, client, cell)
    counted = {path: done[path] for path in kinds}
    return Report(clock.monotonic() - began, counted, dict(tally.uses), tally.refusals, tuple(tally.reasons))


def _load(
    path: str, use: Callable[[Resolver], str | None], resolver: Resolver, tally: _Tally, over: threading.Event
) -> None:
    while not over.wait(0.002):
        try:
            refusal = use(resolver)
        except FleetError as error:
            refusal = str(error)
        tally.add(path, refusal)


def _log_in(client: Client) -> Callable[[Resolver], str | None]:
    def use(resolver: Resolver) -> str | None:
        password = resolver.value(BROKER, "password").get_secret_value()
        return None if accepts_login(client, USER, password) else "the broker refused the password"

    return use


def _authenticate(client: Client, cell: str) -> Callable[[Resolver], str | None]:
    def use(resolver: Resolver) -> str | None:
        found = api_keys.authenticate(client, cell, resolver.value(GATEWAY, "key").get_secret_value())
        return found.reason if isinstance(found, api_keys.Refusal) else None

    return use


def _sign_and_verify(resolver: Resolver) -> str | None:
    message = Message("drill", "drill", b"{}")
    signature = sign(signing_keys.signing_key(resolver.secret(SIGNING).fields), message)
    verdict = verify(signing_keys.verify_keys(resolver.secret(VERIFYING)), signature, message)
    return None if verdict.genuine else verdict.reason


def _prepare(backend: SecretBackend, client: Client, cell: str, kinds: Mapping[str, Credential]) -> None:
    _clean(backend, client, cell)
    password, key = random_text(), api_keys.generate()
    with available():
        rules = ("reset", "on", f">{password.get_secret_value()}", "+ping", "+hello", "+auth", "+client")
        client.execute_command("ACL SETUSER", USER, *rules)  # type: ignore[no-untyped-call]
    backend.write(BROKER, {"username": SecretStr(USER), "password": password})
    api_keys.admit(client, cell, key, name="drill", tenant="drill", role=Role.VIEWER, days=1.0)
    names = {"name": SecretStr("drill"), "tenant": SecretStr("drill"), "role": SecretStr("viewer")}
    backend.write(GATEWAY, {"key": key, **names})
    first = kinds[SIGNING].generate({})
    kinds[SIGNING].admit(first)
    backend.write(SIGNING, first)


def _clean(backend: SecretBackend, client: Client, cell: str) -> None:
    for path in (*backend.paths("drill"), *backend.paths(rotate.FOLDER)):
        if path.startswith(("drill/", f"{rotate.FOLDER}/drill.")):
            backend.delete(path)
    for key in api_keys.every(client, cell):
        if key.tenant == "drill":
            api_keys.revoke(client, cell, key.id)
    with available():
        client.acl_deluser(USER)


def _unrecorded(*_: object) -> None:
    """Reads of the drill's own credentials by its load are no accesses anybody asks about."""
