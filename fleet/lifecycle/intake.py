"""What does a worker do with a message it cannot run?

Celery's consumer, with one rule more: whatever goes wrong while a message is taken in, the message is kept among the
malformed ones with the reason, acknowledged, and the worker goes on.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

from celery.worker.consumer import Consumer

from fleet import catalogue
from fleet.dispatcher import malformed
from fleet.dispatcher.envelope import ATTEMPT_HEADER
from fleet.lifecycle import acceptance
from fleet.telemetry import logs


class FleetConsumer(Consumer):  # type: ignore[misc]
    """Celery's consumer that survives and explains bad messages, and is soon back after a broker's absence."""

    def ensure_connected(self, conn: Any) -> Any:
        """Ask every second or so: Celery's steps grow to half a minute. Random, so that a fleet does not ask in chorus."""
        conn.ensure_connection = partial(
            conn.ensure_connection, interval_start=0.2, interval_step=0.4, interval_max=random.uniform(0.8, 1.6)
        )
        return super().ensure_connected(conn)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Know first who has begun: what Celery forgets here must not be at work."""
        acceptance.hear_who_began(self.pool, self.hub)
        super().on_connection_error_after_connected(exc)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        receive = super().create_task_handler(*args, **kwargs)
        declared = catalogue.current().task_types

        def take_in(message: Any) -> None:
            try:
                if message.headers.get("task") in declared and type(message.headers.get(ATTEMPT_HEADER)) is not int:
                    self._set_aside(message, "a task of the fleet that did not come through its door: no attempt")
                else:
                    receive(message)
            except self.connection_errors:
                raise
            except Exception as error:
                self._set_aside(message, f"{type(error).__name__}: {error}")

        return take_in

    def on_unknown_message(self, body: Any, message: Any) -> None:
        self._set_aside(message, "names no task")

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        self._set_aside(message, f"unknown task {message.headers.get('task')!r}")

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        self._set_aside(message, f"invalid: {exc}")

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        self._set_aside(message, f"cannot be decoded: {exc}")

    def _set_aside(self, message: Any, why: str) -> None:
        queue = str((message.delivery_info or {}).get("routing_key", ""))
        malformed.keep(queue, f"{message.headers!r} {message.body!r}", why)
        message.ack_log_error(logs.get("lifecycle"), self.connection_errors)
