"""How does a script call travel with as little around it as possible?

A call is packed by hand and sent on a connection that is kept for the next one: the library's client does the same with a
pool, retries and instruments around every command, which costs several times what a short script does. Connecting,
logging in, TLS and reading replies stay the library's.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any
from weakref import WeakKeyDictionary

import redis

_idle: WeakKeyDictionary[redis.ConnectionPool, deque[Any]] = WeakKeyDictionary()
"""Connections that nobody uses at the moment; never shared with a forked child."""
os.register_at_fork(after_in_child=_idle.clear)

Argument = bytes | str | int | float


def call(client: redis.Redis, verb: bytes, name: bytes, keys: Sequence[Argument], args: Sequence[Argument]) -> Any:
    """Run FCALL or EVALSHA in one round trip; once more when the connection turns out to be closed.

    Raises what the library raises. Asking again is safe because every script is idempotent (by task, attempt or worker).
    """
    message = packed(verb, name, keys, args)
    idle, connection = _taken(client)
    try:
        return _asked(connection, message)
    finally:
        idle.append(connection)


class Stream:
    """Calls that travel one behind the other on one connection: the next is on its way while the server runs the last.

    The server runs them in order. What fails fails every call that is under way: each asks again by itself.
    """

    __slots__ = ("_connection", "_idle", "_under_way", "client")

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self._idle, self._connection = _taken(client)
        self._under_way: deque[object] = deque()

    def send(self, verb: bytes, name: bytes, keys: Sequence[Argument], args: Sequence[Argument]) -> Callable[[], Any]:
        """Send a call; the function returned waits for its reply. Replies are fetched in the order of their calls.

        Both raise what the library raises; the reply of a call whose connection has closed meanwhile is a ConnectionError.
        """
        self._guarded(_send, packed(verb, name, keys, args))
        call = object()
        self._under_way.append(call)
        return partial(self._reply, call)

    def _reply(self, call: object) -> Any:
        if not self._under_way or self._under_way[0] is not call:
            raise redis.exceptions.ConnectionError("the connection closed before the reply came")
        try:
            return self._guarded(_receive)
        finally:
            if self._under_way:
                self._under_way.popleft()

    def _guarded(self, act: Callable[..., Any], *more: Any) -> Any:
        try:
            return act(self._connection, *more)
        except redis.exceptions.ResponseError:
            raise
        except BaseException:
            self._under_way.clear()
            self._connection.disconnect()
            raise

    def close(self) -> None:
        """Wait for what is still under way, unheard, and keep the connection for others."""
        while self._under_way:
            with suppress(redis.exceptions.RedisError):
                self._reply(self._under_way[0])
        self._idle.append(self._connection)


def _taken(client: redis.Redis) -> tuple[deque[Any], Any]:
    """Take an idle connection, or a new one; it goes back to those it came with."""
    pool = client.connection_pool
    idle = _idle.get(pool)
    if idle is None:
        idle = _idle.setdefault(pool, deque())
    try:
        return idle, idle.pop()
    except IndexError:
        return idle, pool.make_connection()


def _asked(connection: Any, message: bytes) -> Any:
    try:
        reply = _once(connection, message)
    except redis.exceptions.ConnectionError:
        reply = _once(connection, message)
    if isinstance(reply, Exception):
        raise reply
    return reply


def _once(connection: Any, message: bytes) -> Any:
    try:
        _send(connection, message)
        return _receive(connection)
    except redis.exceptions.ResponseError as error:
        return error
    except BaseException:
        connection.disconnect()
        raise


def _send(connection: Any, message: bytes) -> None:
    if connection._sock is None:
        connection.connect()  # not by sending: behind sentinels only this asks who the primary is
    connection.send_packed_command([message], check_health=False)


def _receive(connection: Any) -> Any:
    return connection.read_response()


def packed(verb: bytes, name: bytes, keys: Sequence[Argument], args: Sequence[Argument]) -> bytes:
    """Return the call as it goes over the wire."""
    parts = [b"*%d\r\n" % (3 + len(keys) + len(args)), _beginning(verb, name, *keys)]
    for value in args:
        text = value if type(value) is bytes else str(value).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(text), text))
    return b"".join(parts)


@lru_cache(maxsize=256)
def _beginning(verb: bytes, name: bytes, *keys: Argument) -> bytes:
    """Return what calls of one script on one cell have in common."""
    values = (value if isinstance(value, bytes) else str(value).encode() for value in (verb, name, len(keys), *keys))
    return b"".join(b"$%d\r\n%b\r\n" % (len(text), text) for text in values)
