"""How do released messages reach a broker that is not our Redis?

The script returns (queue, message) pairs; this publishes them with Celery's own producer. A task stays in `released` until
a worker claims it, so what cannot be published now is sent again by the tick: a broker that is away costs time, not tasks.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import orjson
from kombu.pools import producers

from fleet.settings import current
from fleet.store.client import broker_url
from fleet.store.credentials import celery_url
from fleet.telemetry import logs

ONE_MORE_TRY = {"max_retries": 1, "interval_start": 0}
"""More would only keep the caller waiting: what is not sent now is sent again anyway."""


def publish_rest(outgoing: Sequence[bytes | str]) -> None:
    """Publish pairs of queue and whole kombu message; nothing to do when the broker is Redis."""
    if not outgoing:
        return
    from amqp.exceptions import AMQPError  # type: ignore[import-untyped]
    from kombu.exceptions import KombuError

    from fleet.app import app

    pairs = list(zip(outgoing[::2], outgoing[1::2], strict=True))
    sent = 0
    try:
        with _producers(app).acquire(block=True) as producer:
            for queue, message in pairs:
                name = queue.decode() if isinstance(queue, bytes) else queue
                _publish(producer, app.amqp.queues[name], orjson.loads(message))
                sent += 1
    except (OSError, KombuError, AMQPError) as error:
        seconds = current().leases.release_seconds
        logs.get("dispatcher").warning(
            "publish_failed", unsent=len(pairs) - sent, error=f"{type(error).__name__}: {error}",
            next=f"none: what no worker claims within {seconds:g} s is sent again; is the broker up?",
        )  # fmt: skip


def _producers(app: Any) -> Any:
    """Return the producers of the cell we speak to; Celery's own pool knows only this process's cell."""
    url = celery_url(broker_url())
    if url == app.conf.broker_url:
        return app.producer_pool
    return producers[app.connection_for_write(url)]


def _publish(producer: Any, queue: Any, parsed: dict[str, Any]) -> None:
    producer.publish(
        base64.b64decode(parsed["body"]),
        routing_key=queue.name,
        exchange="",
        # A worker on the roster may not have declared its queue yet, and a message without a queue is dropped.
        declare=[queue],
        headers=parsed["headers"],
        content_type="application/json",
        content_encoding="utf-8",
        correlation_id=parsed["properties"]["correlation_id"],
        delivery_mode=2,
        retry=True,
        retry_policy=ONE_MORE_TRY,
        confirm_timeout=current().broker.socket_timeout_seconds,
    )
