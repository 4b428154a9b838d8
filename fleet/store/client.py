"""How do we reach Redis?

One pooled client per process and cell (after a fork, a new one), with short connect timeouts, so that a dead broker is an
error within seconds and never a hang. Library errors become `StoreUnavailable` at this boundary.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from fleet.errors import ConfigurationError, StoreUnavailable
from fleet.settings import Settings, current
from fleet.store import sentinel

# What other packages call a connection, so that they need not know the library.
Client = redis.Redis
Refused = redis.exceptions.ResponseError
"""The server understood and said no, for example because the user may not."""

FALLBACK_URL = "redis://127.0.0.1:6379/0"
CONNECTION_FILE = "connection.json"
_clients: dict[tuple[int, str, bool], redis.Redis] = {}
_lock = threading.Lock()


def _begin_anew() -> None:
    """In a forked child: the lock may have been held by a thread that does not exist here."""
    global _lock
    _lock = threading.Lock()
    _clients.clear()


os.register_at_fork(after_in_child=_begin_anew)


def speaks_redis(url: str) -> bool:
    """Tell whether the URL is of Redis or Valkey, or of a Sentinel that knows one."""
    return urlsplit(url).scheme.startswith(("redis", "valkey", "unix", "sentinel"))


def broker_url(settings: Settings | None = None) -> str:
    """Return the Celery broker's URL: as set, else of the fleet running in the state directory, else localhost."""
    settings = settings or current()
    return settings.broker.url.get_secret_value() or _running_url(settings.state_dir) or FALLBACK_URL


def store_url(settings: Settings | None = None) -> str:
    """Return the URL of the fleet's own state; the broker's when that is Redis."""
    settings = settings or current()
    if explicit := settings.broker.store_url.get_secret_value():
        return explicit
    url = broker_url(settings)
    if speaks_redis(url):
        return url
    raise ConfigurationError(
        f"the broker is {urlsplit(url).scheme}, which cannot hold the fleet's state: set FLEET_BROKER__STORE_URL to a Redis URL"
    )


def _running_url(state_dir: Path) -> str:
    file = state_dir / CONNECTION_FILE
    try:
        return str(json.loads(file.read_text())["broker_url"])
    except (OSError, ValueError, KeyError):
        return ""


def connect(url: str | None = None, *, decode: bool = True, settings: Settings | None = None) -> redis.Redis:
    """Return this process's client for the URL (default: the store's); `decode=False` speaks bytes."""
    settings = settings or current()
    url = url or store_url(settings)
    key = (os.getpid(), url, decode)
    with _lock:
        if key not in _clients:
            for stale in [k for k in _clients if k[0] != key[0]]:
                del _clients[stale]
            _clients[key] = _open(url, decode, settings)
        return _clients[key]


def _open(url: str, decode: bool, settings: Settings) -> redis.Redis:
    options: dict[str, object] = {
        "decode_responses": decode,
        "socket_connect_timeout": settings.broker.connect_timeout_seconds,
        "socket_timeout": settings.dispatch.submit_timeout_seconds,
        "socket_keepalive": True,
        "health_check_interval": 0,
        "client_name": "fleet",
        # One per thread that talks at the same moment; the library's own hundred is fewer than a threaded producer has.
        "max_connections": 1000,
        # One immediate second try: the server closes idle connections, and a script either ran or did not arrive.
        "retry": Retry(NoBackoff(), 1, supported_errors=(redis.exceptions.ConnectionError,)),
        "retry_on_error": [redis.exceptions.ConnectionError],
    }
    if settings.broker.login_secret:
        from fleet.store.credentials import SecretLogin, without_login

        url, options["credential_provider"] = without_login(url), SecretLogin()
    if sentinel.is_sentinel(url):
        return sentinel.open_primary(url, options)
    if url.startswith("redis+socket://"):
        url = "unix://" + url.removeprefix("redis+socket://").replace("virtual_host=", "db=")
    return redis.Redis.from_url(url, **options)


class available:
    """Turn connection trouble, and a server that cannot serve now, into `StoreUnavailable`, without the URL's password."""

    __slots__ = ()

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, redis.exceptions.ConnectionError | redis.exceptions.TimeoutError):
            raise StoreUnavailable(f"Redis at {_where()} {_unreached(error)}") from error
        if isinstance(error, redis.exceptions.ResponseError) and (why := refusal(error)):
            raise StoreUnavailable(why) from error


# What a server says that understands well and cannot serve now. redis-py takes the word off those it has a class for.
_REFUSALS = {
    "OOM": "is full (maxmemory): nothing new is taken while tasks end and free some; raise maxmemory if that does not help",
    "MISCONF": "cannot write its append-only file: free space on its disk, then it goes on by itself",
    "READONLY": "is a replica now: point FLEET_BROKER__URL to the primary, or use sentinel:// and follow it",
    "MASTERDOWN": "is a replica that lost its primary: wait for the failover, or bring the primary back",
    "NOREPLICAS": "has fewer replicas than min-replicas-to-write: bring one back",
    "BUSY": "is busy with a script that runs for seconds: SCRIPT KILL it, if it is not the fleet's",
}
_WORDS = {
    redis.exceptions.OutOfMemoryError: "OOM", redis.exceptions.ReadOnlyError: "READONLY",
    redis.exceptions.MasterDownError: "MASTERDOWN",
}  # fmt: skip


def refusal(error: redis.exceptions.ResponseError) -> str:
    """Return why the server cannot serve now and what to do, or an empty text when it answered something else."""
    word = _WORDS.get(type(error)) or str(error).partition(" ")[0]
    return f"Redis at {_where()} {_REFUSALS[word]}" if word in _REFUSALS else ""


def _unreached(error: Exception) -> str:
    """Return what stands between us and a server, and what to do; what the server itself says has no password in it."""
    said = str(error)
    if isinstance(error, redis.exceptions.AuthenticationError):
        return "does not let us in: correct user and password in FLEET_BROKER__URL, or the secret that broker.login_secret names"
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return "shows a certificate of no authority we know: name its CA in the URL, `rediss://...?ssl_ca_certs=/path/ca.crt`"
    if "SSL" in said:
        return "does not speak TLS as we do (or not at all): use redis:// where it has none, or correct its certificates"
    return f"does not answer ({type(error).__name__}): start it (`fleet up`) or set FLEET_BROKER__URL"


def _where() -> str:
    where = urlsplit(store_url().partition(";")[0])
    return f"{where.hostname or where.path}:{where.port or ''}"


def accepts_login(client: redis.Redis, username: str, password: str) -> bool:
    """Return whether the server lets this user in, tried on a connection of its own."""
    pool = client.connection_pool
    options = {**pool.connection_kwargs, "username": username, "password": password, "credential_provider": None}
    connection = pool.connection_class(**options)
    with available():
        try:
            connection.connect()
        except redis.exceptions.AuthenticationError:
            return False
        except redis.exceptions.NoPermissionError:
            return True  # let in, though not to every command a new connection says hello with
        finally:
            connection.disconnect()
    return True


def forget() -> None:
    """Close this process's clients; the next `connect` opens new ones (after a credential change, or in tests)."""
    with _lock:
        for client in _clients.values():
            client.close()
        _clients.clear()
