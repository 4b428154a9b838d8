"""What does a sentinel:// URL say?

`sentinel://[user:password@]host:26379[/db];sentinel://host:26379;...?master_name=NAME[&sentinel_password=...]`: the login is
the server's, the nodes are those that know which server is the primary now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

import redis
from redis.sentinel import Sentinel

from fleet.errors import ConfigurationError

SCHEME = "sentinel"


@dataclass(frozen=True, slots=True)
class SentinelUrl:
    """The parts of the URL."""

    nodes: tuple[tuple[str, int], ...]
    master_name: str
    username: str | None
    password: str | None
    database: int
    sentinel_password: str | None
    bare: str
    """The URL without its options, as kombu and Celery read it."""

    @property
    def options(self) -> dict[str, Any]:
        """Transport options for kombu and Celery."""
        login = {"password": self.sentinel_password} if self.sentinel_password else {}
        return {"master_name": self.master_name, "sentinel_kwargs": {"socket_timeout": 1.0, **login}}


def is_sentinel(url: str) -> bool:
    return url.startswith(f"{SCHEME}://")


def parse(url: str) -> SentinelUrl:
    """Read the URL; raises ConfigurationError when it names no primary."""
    parts = [urlsplit(part) for part in url.split(";")]
    asked = {key: values[-1] for part in parts for key, values in parse_qs(part.query).items()}
    if "master_name" not in asked:
        raise ConfigurationError("a sentinel:// URL needs ?master_name=NAME on one of its nodes")
    login = next((part for part in parts if part.password), parts[0])
    database = next((part.path.strip("/") for part in parts if part.path.strip("/")), "0")
    return SentinelUrl(
        tuple((part.hostname or "127.0.0.1", part.port or 26379) for part in parts), asked["master_name"],
        unquote(login.username) if login.username else None, unquote(login.password) if login.password else None, int(database),
        asked.get("sentinel_password"), ";".join(urlunsplit(part._replace(query="")) for part in parts),
    )  # fmt: skip


def open_primary(url: str, options: dict[str, Any]) -> redis.Redis:
    """Return a client that asks the sentinels for the primary at every new connection."""
    told = parse(url)
    sentinels = Sentinel(told.nodes, sentinel_kwargs=told.options["sentinel_kwargs"])  # type: ignore[no-untyped-call]
    primary: redis.Redis = sentinels.master_for(
        told.master_name, username=told.username, password=told.password, db=told.database, **options
    )  # type: ignore[no-untyped-call]
    return primary
