"""How does a Lua file become one round trip?

A script is a `.lua` file beside its owner. `--@include package/file.lua` pulls in another file's functions by text, once,
so that admission, budgets and dispatch can act in one atomic script without being one file. `--@flags allow-oom` marks
what must also run on a full server, because it ends work: refused whole are only scripts that bring some.

Lua lets one function see 200 local names. What a file declares for itself alone therefore stays in a block of its own
(`narrowed`); a file may declare as many helpers as it likes, and only what other files use counts.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from typing import Any

import redis

from fleet.errors import ConfigurationError
from fleet.store import line
from fleet.store.client import available, refusal

_INCLUDE = re.compile(r"^--@include\s+(\S+)\s*$", re.MULTILINE)
_TOP_LEVEL = re.compile(r"^local (?:function (\w+)|([\w, ]+?) *(=|$|--))", re.MULTILINE)
_WORD = re.compile(r"\w+")
_FLAGS = re.compile(r"^--@flags\s+(\S+)\s*$", re.MULTILINE)


@cache
def source(path: str) -> str:
    """Return the text of `package/path.lua` (relative to the fleet package) with every include expanded once."""
    return _expand(path, set(), ())


def source_of_its_own(path: str) -> str:
    """Return the text of one Lua file as it stands."""
    file = files("fleet").joinpath(path)
    if not file.is_file():
        raise ConfigurationError(f"Lua file fleet/{path} does not exist")
    return file.read_text()


def _expand(path: str, seen: set[str], via: tuple[str, ...]) -> str:
    return "\n".join(part.text for part in _parts(path, seen, via))


@dataclass(frozen=True, slots=True)
class _Part:
    """One file: its text without its includes, what it includes, every word in it."""

    text: str
    includes: tuple[str, ...]
    words: frozenset[str]


@cache
def _part(path: str) -> _Part:
    own = source_of_its_own(path)
    text = _INCLUDE.sub("", own)
    return _Part(text, tuple(_INCLUDE.findall(own)), frozenset(_WORD.findall(text)))


def _parts(path: str, seen: set[str], via: tuple[str, ...]) -> list[_Part]:
    """Return the file and everything it includes, each once, in order of need."""
    if path in via:
        raise ConfigurationError(f"Lua includes form a circle: {' -> '.join((*via, path))}")
    if path in seen:
        return []
    seen.add(path)
    try:
        part = _part(path)
    except ConfigurationError as error:
        raise ConfigurationError(f"{error} (included via {' -> '.join(via) or 'nothing'})") from None
    return [*(one for name in part.includes for one in _parts(name, seen, (*via, path))), part]


@cache
def narrowed(path: str) -> tuple[str, str]:
    """Return what a script includes, each file's own names kept to itself, and the script's own text."""
    parts = _parts(path, set(), ())
    files_with = Counter(word for part in parts for word in part.words)
    return "\n".join(_block(part.text, files_with) for part in parts[:-1]), parts[-1].text


def _block(text: str, files_with: Counter[str]) -> str:
    """Return a file's text in a block that only those names of its top level leave which other files mention."""
    shared: list[str] = []

    def declared(match: re.Match[str]) -> str:
        names = [match[1]] if match[1] else [name.strip() for name in match[2].split(",")]
        if all(files_with[name] <= 1 for name in names):
            return match[0]
        shared.extend(name for name in names if name not in shared)
        if match[1]:
            return f"function {match[1]}"
        return f"{match[2]} =" if match[3] == "=" else match[3]

    inner = _TOP_LEVEL.sub(declared, text)
    head = f"local {', '.join(shared)}\n" if shared else ""
    return f"{head}do\n{inner}\nend"


class Script:
    """A script that runs by its digest and is loaded again when the server forgot it."""

    __slots__ = ("digest", "flags", "path", "text")

    def __init__(self, path: str) -> None:
        self.path = path
        self.flags = _FLAGS.findall(source_of_its_own(path))
        self.text = (f"#!lua flags={','.join(self.flags)}\n" if self.flags else "") + "\n".join(narrowed(path))
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, client: redis.Redis, keys: Sequence[str | bytes] = (), args: Sequence[Any] = ()) -> Any:
        """Run in one round trip (two the first time on a server)."""
        with available():
            try:
                return line.call(client, b"EVALSHA", self.digest.encode(), keys, args)
            except redis.exceptions.NoScriptError:
                return client.eval(self.text, len(keys), *keys, *args)

    def start(self, stream: line.Stream, keys: Sequence[str | bytes] = (), args: Sequence[Any] = ()) -> Callable[[], Any]:
        """Send the call behind those under way; the function returned waits for its reply.

        What the connection or the server's memory of scripts did not survive is asked again on its own, as scripts may be.
        """
        verb, name = self._verb()
        try:
            reply = stream.send(verb, name, keys, args)
        except redis.exceptions.RedisError as error:
            reply = partial(_raised, error)

        def answer() -> Any:
            with available():
                try:
                    return reply()
                except (redis.exceptions.ConnectionError, redis.exceptions.ResponseError) as error:
                    if isinstance(error, redis.exceptions.ResponseError) and refusal(error):
                        raise
            return self(stream.client, keys, args)

        return answer

    def _verb(self) -> tuple[bytes, bytes]:
        return b"EVALSHA", self.digest.encode()

    def load(self, client: redis.Redis) -> None:
        """Make the script known, so that pipelines may use its digest."""
        with available():
            client.script_load(self.text)


def _raised(error: Exception) -> Any:
    raise error


class Resident(Script):
    """A script whose functions stay in the server (a function library), so that a call only runs its body.

    Text that declares a hundred functions costs more to evaluate than to act on. Module-level state survives between
    calls: bodies begin by resetting it. Where the server knows no functions, it runs as a plain script.
    """

    __slots__ = ("_called", "is_known", "library", "name")

    def __init__(self, path: str) -> None:
        super().__init__(path)
        head, body = narrowed(path)
        self.name = f"fleet_{path.rpartition('/')[2].removesuffix('.lua')}_{self.digest[:12]}"
        flags = ", ".join(f"'{flag}'" for flag in self.flags)
        self.library = (
            f"#!lua name={self.name}\n{head}\nredis.register_function{{function_name='{self.name}', flags={{{flags}}}, "
            f"callback=function(KEYS, ARGV)\n{body}\nend}}"
        )
        self._called = self.name.encode()
        self.is_known = True

    def __call__(self, client: redis.Redis, keys: Sequence[str | bytes] = (), args: Sequence[Any] = ()) -> Any:
        """Run in one round trip (three the first time on a server)."""
        if self.is_known:
            with available():
                try:
                    return line.call(client, b"FCALL", self._called, keys, args)
                except redis.exceptions.ResponseError as error:
                    text = str(error)
                    if "Function not found" in text:
                        if not self._is_kept(client):
                            return super().__call__(client, keys, args)
                    elif "unknown command" in text.lower() or "no permissions" in text.lower():
                        self.is_known = False
                    else:
                        raise
            return self(client, keys, args)
        return super().__call__(client, keys, args)

    def _verb(self) -> tuple[bytes, bytes]:
        return (b"FCALL", self._called) if self.is_known else super()._verb()

    def _is_kept(self, client: redis.Redis) -> bool:
        """Have the server keep the functions; a full one keeps nothing, but may run them as a script."""
        try:
            client.function_load(self.library)
        except redis.exceptions.ResponseError as error:
            if refusal(error):
                return False
            if "already exists" not in str(error):
                self.is_known = False
        return True


@cache
def resident(path: str) -> Resident:
    """Return the process's one `Resident` for this path."""
    return Resident(path)


@cache
def script(path: str) -> Script:
    """Return the process's one `Script` for this path."""
    return Script(path)
