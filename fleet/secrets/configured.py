"""Which backend do the settings name, and what does this process read through?"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from pydantic import SecretStr

from fleet.errors import ConfigurationError
from fleet.secrets.audit_entry import Outcome
from fleet.secrets.backend import Secret, SecretBackend
from fleet.secrets.resolve import Resolver
from fleet.settings import SecretSettings, Settings, current

if TYPE_CHECKING:
    from fleet.secrets.vault_login import VaultSession

LOCAL_FILE = "secrets.json"


def backend(settings: Settings | None = None) -> SecretBackend:
    """Return the backend the settings name."""
    settings = settings or current()
    chosen = settings.secrets
    match chosen.backend:
        case "environment":
            from fleet.secrets.environment import EnvironmentBackend

            return EnvironmentBackend()
        case "local":
            from fleet.secrets.local import LocalBackend, keyring_key, passphrase_key

            passphrase = chosen.passphrase
            file = settings.state_dir / LOCAL_FILE
            key = passphrase_key(passphrase) if passphrase.get_secret_value() else keyring_key(str(file.resolve()))
            return LocalBackend(file, key)
        case "vault":
            from fleet.secrets.envelope import Envelope
            from fleet.secrets.vault import VaultBackend

            session = vault_session(chosen)
            envelope = Envelope(session) if chosen.vault_envelope else None
            return VaultBackend(
                session, mount=chosen.vault_mount, envelope=envelope, database_mount=chosen.vault_database_mount
            )


def vault_session(chosen: SecretSettings) -> VaultSession:
    """Return a session that logs in as the settings say."""
    from fleet.secrets import vault_login

    if not chosen.vault_url:
        raise ConfigurationError(
            "settings.secrets.backend is `vault`, but vault_url is empty: set FLEET_SECRETS__VAULT_URL"
        )
    login: vault_login.Login
    match chosen.vault_auth:
        case "token":
            login = vault_login.TokenLogin(chosen.vault_credential)
        case "approle":
            login = vault_login.AppRoleLogin(chosen.vault_role, chosen.vault_credential)
        case "kubernetes":
            login = vault_login.KubernetesLogin(chosen.vault_role, chosen.vault_token_file)
        case "jwt":
            given = chosen.vault_credential
            login = vault_login.JwtLogin(
                chosen.vault_role, given if given.get_secret_value() else chosen.vault_token_file
            )
    return vault_login.VaultSession(chosen.vault_url, login, namespace=chosen.vault_namespace)


def resolver() -> Resolver:
    """Return this process's resolver."""
    return _resolver(os.getpid())


@cache
def _resolver(_process: int) -> Resolver:
    settings = current()
    return Resolver(backend(settings), recorded, cache_seconds=settings.secrets.cache_seconds)


def recorded(action: str, target: str, outcome: Outcome, detail: Mapping[str, object]) -> object:
    """Put what a resolver or a rotation did on record."""
    from fleet.secrets import audit

    return audit.record(action, target, outcome=outcome, detail=detail)


def value(path: str, field: str) -> SecretStr:
    """Return one field of a secret, through this process's cache."""
    return resolver().value(path, field)


def secret(path: str) -> Secret:
    """Return a secret, through this process's cache."""
    return resolver().secret(path)
