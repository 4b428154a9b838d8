"""Which bytes on a Redis queue does Celery get to see?

kombu's own transport, except that what is no kombu message at all is set aside before it: an exception there would end
the worker's event loop.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson
from kombu.transport import redis

from fleet.dispatcher import malformed
from fleet.settings import current

PRIORITY_SEPARATOR = b"\x06\x16"


class Channel(redis.Channel):
    """A channel that looks at every message before it is delivered."""

    def _create_client(self, asynchronous: bool = False) -> Any:
        client = super()._create_client(asynchronous=asynchronous)  # type: ignore[no-untyped-call]
        if asynchronous:
            client.set_response_callback("BRPOP", sound_only)
        return client


class Transport(redis.Transport):
    """kombu's Redis transport with a watchful channel."""

    Channel = Channel


def sound_only(reply: Any, **_: Any) -> tuple[bytes, bytes] | None:
    """Return what was popped, or nothing when it was set aside."""
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
