"""How does a script call travel with as little around it as possible?

A call is packed by hand and sent on a connection that is kept for the next one: the library's client does the same with a
pool, retries and instruments around every command, which costs several times what a short script does. Connecting,
logging in, TLS and reading replies stay the library's.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
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
    pool = client.connection_pool
    idle = _idle.get(pool)
    if idle is None:
        idle = _idle.setdefault(pool, deque())
    try:
        connection = idle.pop()
    except IndexError:
        connection = pool.make_connection()
    try:
        return _asked(connection, message)
    finally:
        idle.append(connection)


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
        if connection._sock is None:
            connection.connect()  # not by sending: behind sentinels only this asks who the primary is
        connection.send_packed_command([message], check_health=False)
        return connection.read_response()
    except redis.exceptions.ResponseError as error:
        return error
    except BaseException:
        connection.disconnect()
        raise


def packed(verb: bytes, name: bytes, keys: Sequence[Argument], args: Sequence[Argument]) -> bytes:
    """Return the call as it goes over the wire."""
    parts = [b"*%d\r\n" % (3 + len(keys) + len(args))]
    for value in (verb, name, len(keys), *keys, *args):
        text = value if isinstance(value, bytes) else str(value).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(text), text))
    return b"".join(parts)
