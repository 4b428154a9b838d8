"""How do released messages reach a broker that is not our Redis?

The script returns (queue, message) pairs; this publishes them with Celery's own producer. Until a worker claims it, a
task stays in `released`, so a publish that is lost here is sent again by the tick.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson


def publish_rest(outgoing: Sequence[bytes | str]) -> None:
    """Publish pairs of queue and whole kombu message; nothing to do when the broker is Redis."""
    if not outgoing:
        return
    import base64

    from fleet.app import app

    with app.producer_pool.acquire(block=True) as producer:
        for queue, message in zip(outgoing[::2], outgoing[1::2], strict=True):
            parsed = orjson.loads(message)
            producer.publish(
                base64.b64decode(parsed["body"]),
                routing_key=queue.decode() if isinstance(queue, bytes) else queue,
                exchange="",
                headers=parsed["headers"],
                content_type="application/json",
                content_encoding="utf-8",
                correlation_id=parsed["properties"]["correlation_id"],
                delivery_mode=2,
            )
