"""With which user and password does a new connection log in?

With those the secret backend holds at that moment: redis-py, kombu and Celery ask for every connection they open, so a
rotated broker password needs no restart. The floor above that knows secrets is named, not imported.
"""

from __future__ import annotations

from importlib import import_module
from urllib.parse import urlsplit, urlunsplit

import redis

from fleet.errors import ConfigurationError
from fleet.settings import Settings, current
from fleet.store import sentinel

SOURCE = "fleet.secrets.broker_login"
NAME = f"{__name__}:SecretLogin"


class SecretLogin(redis.CredentialProvider):
    """Reads the login anew for every connection."""

    def get_credentials(self) -> tuple[str, str]:
        username, password = import_module(SOURCE).read()
        return username, password


def without_login(url: str) -> str:
    """Return the URL without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def celery_url(url: str, settings: Settings | None = None) -> str:
    """Return the URL as kombu and Celery take it: with the login's name instead of the login, where a secret has it."""
    settings = settings or current()
    if sentinel.is_sentinel(url):
        if settings.broker.login_secret:
            raise ConfigurationError(
                "broker.login_secret does not go with a sentinel:// URL: write user and password into the URL, or name the primary"
            )
        return sentinel.parse(url).bare
    if url.startswith("rediss://") and "ssl_cert_reqs=" not in url:  # Celery wants to be told what everybody else assumes
        url += f"{'&' if '?' in url else '?'}ssl_cert_reqs=required"
    if not settings.broker.login_secret or not url.startswith(("redis", "valkey")):
        return url
    bare = without_login(url)
    return f"{bare}{'&' if '?' in bare else '?'}credential_provider={NAME}"
