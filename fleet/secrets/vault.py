"""How are secrets kept in Vault or OpenBao?

KV v2: every write is a version, check-and-set is the server's. Where an envelope is given (transit engine), the KV
engine holds ciphertext only, under a key per agent type that never leaves the server. Paths under `dynamic/` are
credentials the database engine makes for us and takes back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from hvac import exceptions as refused
from pydantic import SecretStr

from fleet.clock import SYSTEM, Clock, utc
from fleet.secrets.backend import Lease, Secret, Version, checked
from fleet.secrets.envelope import Envelope, Sealed
from fleet.secrets.errors import AccessDenied, BackendUnavailable, SecretConflict, SecretMissing
from fleet.secrets.vault_login import VaultSession

DYNAMIC = "dynamic/"
ENVELOPE = "envelope"
Answer = TypeVar("Answer")


class VaultBackend:
    """Secrets in a KV v2 engine, and credentials from the database engine."""

    name = "vault"

    def __init__(
        self,
        session: VaultSession,
        *,
        mount: str = "fleet",
        envelope: Envelope | None = None,
        database_mount: str = "database",
        clock: Clock = SYSTEM,
    ) -> None:
        self._session, self._mount, self._envelope = session, mount, envelope
        self._database, self._clock = database_mount, clock

    def read(self, path: str, version: int | None = None) -> Secret:
        if checked(path).startswith(DYNAMIC):
            return self._issue(path)
        answer = self._ask(
            "read",
            path,
            lambda vault: vault.secrets.kv.v2.read_secret_version(
                path, version=version, mount_point=self._mount, raise_on_deleted_version=True
            ),
        )
        about, plain = answer["data"]["metadata"], self._unsealed(path, answer["data"]["data"])
        fields = {name: SecretStr(value) for name, value in plain.items()}
        return Secret(path, int(about["version"]), fields, datetime.fromisoformat(about["created_time"]))

    def write(self, path: str, fields: Mapping[str, SecretStr], *, expected_version: int | None = None) -> int:
        stored = self._sealed(checked(path), {name: value.get_secret_value() for name, value in fields.items()})
        try:
            answer = self._ask(
                "write",
                path,
                lambda vault: vault.secrets.kv.v2.create_or_update_secret(
                    path, stored, cas=expected_version, mount_point=self._mount
                ),
            )
        except refused.InvalidRequest as error:
            if expected_version is not None and "check-and-set" in str(error):
                raise SecretConflict(path, expected_version) from None
            raise BackendUnavailable(f"Vault refused to write {path!r}: {error}") from error
        return int(answer["data"]["version"])

    def versions(self, path: str) -> tuple[Version, ...]:
        try:
            answer = self._ask(
                "list",
                checked(path),
                lambda vault: vault.secrets.kv.v2.read_secret_metadata(path, mount_point=self._mount),
            )
        except SecretMissing:
            return ()
        known = ((int(number), about) for number, about in answer["data"]["versions"].items())
        return tuple(
            Version(
                number,
                datetime.fromisoformat(about["created_time"]),
                not (about["destroyed"] or about["deletion_time"]),
            )
            for number, about in sorted(known, key=lambda pair: pair[0])
        )

    def paths(self, prefix: str = "") -> tuple[str, ...]:
        folder = prefix.rstrip("/")
        found = [folder] if folder and self.versions(folder) else []
        found += self._under(f"{folder}/" if folder else "")
        return tuple(sorted(found))

    def destroy(self, path: str, version: int) -> None:
        if not any(known.number == version for known in self.versions(path)):
            raise SecretMissing(path, f" in version {version}")
        self._ask(
            "destroy",
            path,
            lambda vault: vault.secrets.kv.v2.destroy_secret_versions(path, [version], mount_point=self._mount),
        )

    def delete(self, path: str) -> None:
        self._ask(
            "delete",
            checked(path),
            lambda vault: vault.secrets.kv.v2.delete_metadata_and_all_versions(path, mount_point=self._mount),
        )

    def renew(self, secret: Secret) -> Secret:
        lease = secret.lease
        if lease is None or not lease.renewable:
            raise BackendUnavailable(f"secret {secret.path!r} has no lease that can be renewed: read it again")
        try:
            answer = self._ask("renew", secret.path, lambda vault: vault.sys.renew_lease(lease.id))
        except refused.InvalidRequest:
            raise BackendUnavailable(f"the lease of {secret.path!r} has ended: read it again") from None
        return replace(secret, lease=Lease(lease.id, float(answer["lease_duration"]), bool(answer["renewable"])))

    def revoke(self, lease_id: str) -> None:
        with suppress(refused.InvalidRequest):  # it has ended by itself
            self._ask("revoke", "sys/leases/revoke", lambda vault: vault.sys.revoke_lease(lease_id))

    def _issue(self, path: str) -> Secret:
        role = path.removeprefix(DYNAMIC)
        answer = self._ask(
            "read", path, lambda vault: vault.secrets.database.generate_credentials(role, mount_point=self._database)
        )
        fields = {name: SecretStr(str(value)) for name, value in answer["data"].items()}
        lease = Lease(answer["lease_id"], float(answer["lease_duration"]), bool(answer["renewable"]))
        return Secret(path, 1, fields, utc(self._clock.now()), lease)

    def _under(self, folder: str) -> list[str]:
        try:
            answer = self._ask(
                "list", folder, lambda vault: vault.secrets.kv.v2.list_secrets(folder, mount_point=self._mount)
            )
        except SecretMissing:
            return []
        found: list[str] = []
        for key in answer["data"]["keys"]:
            found += self._under(folder + key) if key.endswith("/") else [folder + key]
        return found

    def _sealed(self, path: str, plain: dict[str, str]) -> dict[str, Any]:
        if self._envelope is None:
            return dict(plain)
        return {ENVELOPE: self._envelope.seal(path, json.dumps(plain).encode()).as_json()}

    def _unsealed(self, path: str, stored: dict[str, Any]) -> dict[str, str]:
        sealed = stored.get(ENVELOPE)
        if not isinstance(sealed, dict):
            return {name: str(value) for name, value in stored.items()}
        if self._envelope is None:
            raise BackendUnavailable(f"secret {path!r} is in an envelope: set settings.secrets.vault_envelope to true")
        plain: dict[str, str] = json.loads(self._envelope.open(path, Sealed.from_json(sealed)))
        return plain

    def _ask(self, operation: str, path: str, ask: Callable[[Any], Answer]) -> Answer:
        try:
            return self._session.call(ask)
        except refused.Forbidden:
            raise AccessDenied(operation, path) from None
        except refused.InvalidPath:
            raise SecretMissing(path) from None
