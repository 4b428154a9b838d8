"""How does a Lua file become one round trip?

A script is a `.lua` file beside its owner. `--@include package/file.lua` pulls in another file's functions by text, once,
so that admission, budgets and dispatch can act in one atomic script without being one file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import redis

from fleet.errors import ConfigurationError
from fleet.store.client import available

_INCLUDE = re.compile(r"^--@include\s+(\S+)\s*$", re.MULTILINE)


@cache
def source(path: str) -> str:
    """Return the text of `package/path.lua` (relative to the fleet package) with every include expanded once."""
    return _expand(path, set(), ())


def _expand(path: str, seen: set[str], via: tuple[str, ...]) -> str:
    if path in via:
        raise ConfigurationError(f"Lua includes form a circle: {' -> '.join((*via, path))}")
    if path in seen:
        return ""
    seen.add(path)
    file = files("fleet").joinpath(path)
    if not file.is_file():
        raise ConfigurationError(f"Lua file fleet/{path} does not exist (included via {' -> '.join(via) or 'nothing'})")
    return _INCLUDE.sub(lambda match: _expand(match.group(1), seen, (*via, path)), file.read_text())


class Script:
    """A script that runs by its digest and is loaded again when the server forgot it."""

    __slots__ = ("digest", "path", "text")

    def __init__(self, path: str) -> None:
        self.path = path
        self.text = source(path)
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, client: redis.Redis, keys: Sequence[str | bytes] = (), args: Sequence[Any] = ()) -> Any:
        """Run in one round trip (two the first time on a server)."""
        with available():
            try:
                return client.evalsha(self.digest, len(keys), *keys, *args)
            except redis.exceptions.NoScriptError:
                return client.eval(self.text, len(keys), *keys, *args)

    def load(self, client: redis.Redis) -> None:
        """Make the script known, so that pipelines may use its digest."""
        with available():
            client.script_load(self.text)


@cache
def script(path: str) -> Script:
    """Return the process's one `Script` for this path."""
    return Script(path)
