"""Which bytes on a Redis queue does Celery get to see?

kombu's own transport with two differences: what is no kombu message at all is set aside before it (an exception there
would end the worker's event loop), and messages the fleet recovers by itself are not copied aside.
"""

from __future__ import annotations

import base64
import binascii
import time
from typing import Any

import orjson
from kombu.transport import redis, virtual

from fleet.dispatcher import malformed
from fleet.dispatcher.envelope import ATTEMPT_HEADER
from fleet.settings import current
from fleet.store.client import Refused, refusal
from fleet.telemetry import logs

PRIORITY_SEPARATOR = b"\x06\x16"

_heard_at: float | None = None


def heard() -> None:
    """Note that the broker answered."""
    global _heard_at
    _heard_at = time.monotonic()


def silence() -> float | None:
    """Return seconds since the broker answered last, an empty answer included; None if this process never heard of it."""
    return None if _heard_at is None else time.monotonic() - _heard_at


class QoS(redis.QoS):
    """kombu's bookkeeping of unacknowledged messages, spared where the fleet keeps its own.

    A task of the fleet is recovered by its lease and fenced by its attempt, so copying its message aside and removing it
    again, two round trips of the worker's event loop, would protect nothing.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._own: set[str] = set()

    def append(self, message: Any, delivery_tag: str) -> None:
        if ATTEMPT_HEADER in message.headers:
            self._own.add(delivery_tag)
            virtual.QoS.append(self, message, delivery_tag)  # type: ignore[no-untyped-call]
        else:
            super().append(message, delivery_tag)  # type: ignore[no-untyped-call]

    def ack(self, delivery_tag: str) -> None:
        if delivery_tag in self._own:
            self._own.discard(delivery_tag)
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]
        else:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if delivery_tag in self._own:
            if requeue:
                self._return([delivery_tag])
            self.ack(delivery_tag)
        else:
            super().reject(delivery_tag, requeue=requeue)  # type: ignore[no-untyped-call]

    def restore_unacked(self, client: Any = None) -> None:
        """Put back what was taken and has not begun, where the broker can still be told: never an error.

        A channel that closes because its broker has died knows no address any more; an exception here ends the worker.
        """
        self._flush()  # type: ignore[no-untyped-call]
        own = [tag for tag in self._delivered if tag in self._own]
        try:
            self._return(own, client)
            for tag in own:
                del self._delivered[tag]
            if self._delivered:
                super().restore_unacked(client)  # type: ignore[no-untyped-call]
        except Exception as error:
            logs.get("dispatcher").info(
                "messages_not_put_back", count=len(self._delivered), error=f"{type(error).__name__}: {error}",
                next="none: tasks of the fleet are sent again within seconds, others after the visibility timeout",
            )  # fmt: skip
        self._delivered.clear()
        self._own.clear()

    def _return(self, tags: list[str], client: Any = None) -> None:
        """Put messages back where they came from, first in line; an attempt handed back meanwhile is fenced off."""
        if not tags:
            return
        with self.channel.conn_or_acquire(client) as connection:
            for tag in tags:
                message = self._delivered[tag]
                connection.rpush(message.delivery_info["routing_key"], orjson.dumps(message._raw))


class Watchful:
    """What a channel of ours does differently: it looks at every message before it is delivered."""

    QoS = QoS
    client: Any

    def _create_client(self, asynchronous: bool = False) -> Any:
        client = super()._create_client(asynchronous=asynchronous)  # type: ignore[misc]
        if asynchronous:
            client.set_response_callback("BRPOP", sound_only)
        return client

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]
        except Refused as error:
            # A server that is full, busy or a replica now: to be asked again, like one that is away.
            if why := refusal(error):
                self.client.connection.disconnect()
                raise ConnectionError(why) from error
            raise


class Channel(Watchful, redis.Channel):
    """A watchful channel to one server."""


class SentinelChannel(Watchful, redis.SentinelChannel):
    """A watchful channel to whichever server is the primary."""


class Transport(redis.Transport):
    """kombu's Redis transport with a watchful channel."""

    Channel = Channel


class SentinelTransport(redis.SentinelTransport):
    """kombu's Sentinel transport with a watchful channel."""

    Channel = SentinelChannel


def sound_only(reply: Any, **_: Any) -> tuple[bytes, bytes] | None:
    """Return what was popped, or nothing when it was set aside."""
    heard()
    if not reply:
        return None
    queue, raw = reply
    if why := unsound(raw):
        malformed.keep(queue.split(PRIORITY_SEPARATOR)[0].decode(errors="replace"), raw, why)
        return None
    return queue, raw


def unsound(raw: bytes) -> str:
    """Return why the bytes are no kombu message, or an empty string."""
    # base64 and headers on top of the largest payload the door lets in.
    limit = 2 * current().dispatch.max_payload_bytes + 65_536
    if len(raw) > limit:
        return f"{len(raw)} bytes, more than {limit}"
    try:
        message = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return f"not JSON: {error}"
    if not isinstance(message, dict):
        return f"a {type(message).__name__}, not an object"
    properties, body = message.get("properties"), message.get("body")
    if not isinstance(properties, dict) or not isinstance(message.get("headers"), dict):
        return "no headers or properties"
    if not isinstance(properties.get("delivery_info"), dict) or not isinstance(properties.get("delivery_tag"), str):
        return "no delivery_info or delivery_tag"
    encoding = properties.get("body_encoding")
    if not isinstance(body, str) or encoding not in ("base64", None):
        return "no body, or one in an unknown encoding"
    if encoding:
        try:
            base64.b64decode(body)
        except binascii.Error as error:
            return f"body is not base64: {error}"
    return ""
