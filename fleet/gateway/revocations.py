"""How does a revoked API key stop working at once, though the gateway believes a key it has just checked?

Revoking says so on a channel, and every gateway listens. While one cannot listen it still believes for `door.BELIEVED_SECONDS`
only, and when it listens again it first forgets whom it believed.
"""

from __future__ import annotations

import threading

from fleet.errors import StoreUnavailable
from fleet.gateway.door import Door
from fleet.store import keys
from fleet.store.client import Client, Refused, available
from fleet.telemetry import logs
from fleet.telemetry.events import Event

LOOK_UP_SECONDS = 0.5
"""How soon a gateway that is told to stop does so."""


class Revocations:
    """Listens on a thread of its own."""

    def __init__(self, client: Client, cell: str, door: Door) -> None:
        self._client, self._channel, self._door = client, keys.revoked_api_keys(cell), door
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_listening, name="revocations", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _keep_listening(self) -> None:
        while not self._over.is_set():
            try:
                with available():
                    self._listen()
            except StoreUnavailable:
                self._over.wait(LOOK_UP_SECONDS)
            except Refused as error:
                logs.get("gateway").warning(
                    Event.REVOCATIONS_UNHEARD, reason=str(error), next_step="run `fleet broker acl --apply`; a revoked key works for up to a second"
                )  # fmt: skip
                return

    def _listen(self) -> None:
        with self._client.pubsub() as heard:  # type: ignore[no-untyped-call]
            heard.subscribe(self._channel)
            while not self._over.is_set():
                match heard.get_message(timeout=LOOK_UP_SECONDS):
                    case {"type": "subscribe"}:
                        self._door.forget()
                    case {"type": "message", "data": key_id}:
                        self._door.forget(str(key_id))
