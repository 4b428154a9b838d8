"""Which value does this secret have right now?

Values are cached for a short time, so a rotation reaches every process without a restart; many askers of one secret
make one request; leased credentials are renewed before they end. While the backend is away the last known value serves
a while longer. Every read of the backend is on record, and every value handed out is hidden from logs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import cast

from pydantic import SecretStr

from fleet.clock import SYSTEM, Clock
from fleet.errors import FleetError
from fleet.secrets.audit_entry import Outcome
from fleet.secrets.backend import LeasedBackend, Secret, SecretBackend
from fleet.secrets.errors import AccessDenied, BackendUnavailable
from fleet.telemetry import logs
from fleet.telemetry.events import Event
from fleet.telemetry.redaction import hide

Recorder = Callable[[str, str, Outcome, Mapping[str, object]], object]
"""Action, target, outcome, detail -> an audit entry; raises when it cannot be written."""

RENEW_AFTER = 2 / 3


@dataclass(frozen=True, slots=True)
class Held:
    """A secret in the cache, and when that is too old."""

    secret: Secret
    read_at: float
    fresh_until: float


class Resolver:
    """Reads secrets through a cache; thread-safe."""

    def __init__(
        self,
        backend: SecretBackend,
        recorder: Recorder,
        *,
        cache_seconds: float = 30.0,
        stale_seconds: float = 600.0,
        clock: Clock = SYSTEM,
    ) -> None:
        self._backend, self._recorder, self._clock = backend, recorder, clock
        self._cache, self._stale = cache_seconds, stale_seconds
        self._lock = threading.Lock()
        self._held: dict[str, Held] = {}
        self._flights: dict[str, Future[Secret]] = {}

    def value(self, path: str, field: str) -> SecretStr:
        """Return one field of a secret."""
        return self.secret(path).field(field)

    def secret(self, path: str) -> Secret:
        """Return a secret no older than the cache time."""
        with self._lock:
            held = self._held.get(path)
            if held is not None and self._clock.monotonic() < held.fresh_until:
                return held.secret
            flight = self._flights.get(path)
            mine = flight is None
            if flight is None:
                flight = self._flights[path] = Future()
        if mine:
            self._fly(path, held, flight)
        return flight.result()

    def refresh(self, path: str) -> Secret:
        """Read again at once: the value we had was refused."""
        with self._lock:
            self._held.pop(path, None)
        return self.secret(path)

    def _fly(self, path: str, held: Held | None, flight: Future[Secret]) -> None:
        try:
            secret = self._fetch(path, held)
        except BaseException as error:
            with self._lock:
                del self._flights[path]
            flight.set_exception(error)
        else:
            with self._lock:
                del self._flights[path]
            flight.set_result(secret)

    def _fetch(self, path: str, held: Held | None) -> Secret:
        try:
            secret = self._renewed(held) or self._read(path)
        except BackendUnavailable as error:
            if held is None or self._clock.monotonic() >= held.read_at + self._stale:
                raise
            logs.get("secrets").warning(
                Event.SECRET_READ, path=path, stale=True, reason=str(error), next_step="check the secret backend"
            )
            return held.secret
        except FleetError:
            with self._lock:
                self._held.pop(path, None)
            raise
        for value in secret.fields.values():
            hide(value.get_secret_value())
        now = self._clock.monotonic()
        fresh = secret.lease.duration_seconds * RENEW_AFTER if secret.lease else self._cache
        with self._lock:
            self._held[path] = Held(secret, now, now + fresh)
        return secret

    def _renewed(self, held: Held | None) -> Secret | None:
        if held is None or held.secret.lease is None or not held.secret.lease.renewable:
            return None
        if self._clock.monotonic() >= held.fresh_until + held.secret.lease.duration_seconds:
            return None
        try:
            renewed = cast(LeasedBackend, self._backend).renew(held.secret)
        except FleetError:
            return None
        assert renewed.lease is not None
        if renewed.lease.duration_seconds < held.secret.lease.duration_seconds / 2:
            return None  # the credential nears its longest life: a new one is due
        return renewed

    def _read(self, path: str) -> Secret:
        where = {"backend": self._backend.name}
        try:
            secret = self._backend.read(path)
        except AccessDenied:
            self._recorder("secret.read", path, "denied", where)
            raise
        except FleetError as error:
            self._recorder("secret.read", path, "failed", {**where, "reason": type(error).__name__})
            raise
        self._recorder("secret.read", path, "ok", {**where, "version": secret.version})
        return secret
