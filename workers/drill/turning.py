"""Which credentials does a drill rotate, and how does it know all the values there ever were?"""

from __future__ import annotations

import threading
from collections import Counter

from fleet.errors import FleetError
from fleet.secrets import configured, upkeep
from fleet.secrets.backend import SecretBackend
from fleet.secrets.credentials import random_text
from fleet.secrets.rotation import State
from fleet.store.client import connect
from workers.drill.provider import Provider
from workers.drill.stage import API_KEY, CANARY, LLM, SIGNING

BROKER_USERS = ("worker", "gateway", "beat", "maintenance", "metrics", "flower")
ROTATED = (LLM, API_KEY, SIGNING, *(f"fleet/broker/{user}" for user in BROKER_USERS))
SECRET_FIELDS = {"api_key", "key", "password", "value"}
LOOK_SECONDS = 0.5


class Turning:
    """Rotates everything at once, again and again; `planted` are all values, by where they were."""

    def __init__(self, provider: Provider) -> None:
        self._provider, self._backend = provider, configured.backend()
        self.done: Counter[str] = Counter()
        self.stuck: list[str] = []
        self.cut = 0
        self.planted: dict[str, str] = {}
        self._note()

    def turn(self, over: threading.Event) -> None:
        """Rotate each credential once, to its end; then cut the connections that logged in before, as a thief's would be."""
        old_key = self._backend.read(LLM).field("api_key").get_secret_value()
        new_key = random_text()
        with self._provider.lock:
            self._provider.keys.add(new_key.get_secret_value())
        left = set(ROTATED)
        supplied = new_key
        while left and not over.wait(LOOK_SECONDS):
            for path in sorted(left):
                try:
                    progress = upkeep.rotate_one(path, supplied=supplied if path == LLM else None)
                except FleetError as error:
                    self.stuck.append(f"{path}: {error}")
                    continue
                if progress.rotation.ended:
                    left.discard(path)
                    self.done[path] += progress.rotation.state is State.DONE
        if LLM not in left:
            with self._provider.lock:
                self._provider.keys.discard(old_key)
        for user in BROKER_USERS:
            if f"fleet/broker/{user}" not in left:
                self.cut += connect().client_kill_filter(user=f"fleet-{user}")
        self._note()

    def _note(self) -> None:
        self.planted |= values(self._backend)


def values(backend: SecretBackend) -> dict[str, str]:
    """Return every secret value that is stored now, by path, version and field."""
    found = {}
    for path in (*ROTATED, CANARY):
        secret = backend.read(path)
        for name, value in secret.fields.items():
            if name in SECRET_FIELDS:
                plain = value.get_secret_value()
                # Of an API key the first part is its public id.
                found[f"{path}@{secret.version}.{name}"] = plain.rpartition("_")[2] if path == API_KEY else plain
    return found
