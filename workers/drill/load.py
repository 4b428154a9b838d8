"""How do tasks keep coming in while credentials change? Over HTTP, as any program does, each waited for to its end."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx

from fleet.errors import FleetError
from fleet.secrets.resolve import Resolver
from workers.drill.payload import Drill
from workers.drill.stage import API_KEY

OVER = frozenset({"done", "failed", "dead", "cancelled"})
PATIENCE_SECONDS = 60.0
LEAKS = ("log", "result", "error")
LEAK_EVERY = 20
MOST_REASONS = 20


@dataclass(slots=True)
class Tally:
    """What became of the load; a task that was told to fail counts as a leak, not as a failure."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    done: int = 0
    leaks: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    refused: int = 0
    again: int = 0
    """Tasks that needed more than one attempt."""
    slowest_seconds: float = 0.0
    reasons: list[str] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)

    def complain(self, reason: str) -> None:
        if len(self.reasons) < MOST_REASONS:
            self.reasons.append(reason)


class Load:
    """Threads that submit and wait, until told to stop."""

    def __init__(self, url: str, resolver: Resolver, threads: int = 4, pause_seconds: float = 0.05) -> None:
        self.tally = Tally()
        self._url, self._resolver, self._pause = url, resolver, pause_seconds
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(threads)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        with httpx.Client(base_url=self._url, timeout=40) as http:
            count = number
            while not self._over.wait(self._pause):
                count += 1
                leak = LEAKS[count // LEAK_EVERY % len(LEAKS)] if count % LEAK_EVERY == 0 else "nowhere"
                try:
                    self._one(http, Drill(question=f"{number}.{count}", leak=leak))
                except (httpx.HTTPError, FleetError) as error:
                    with self.tally.lock:
                        self.tally.refused += 1
                        self.tally.complain(f"{type(error).__name__}: {error}")

    def _one(self, http: httpx.Client, payload: Drill) -> None:
        began = time.monotonic()
        sent = http.post(
            "/api/v1/tasks", json={"task_type": "drill", "payload": payload.model_dump()}, headers=self._bearer()
        )
        if sent.status_code != 202:
            with self.tally.lock:
                self.tally.refused += 1
                self.tally.complain(f"submit: {sent.status_code} {sent.text[:200]}")
            return
        path, state, attempt, reason = f"/api/v1/tasks/{sent.json()['task_id']}", "", 0, ""
        while state not in OVER and time.monotonic() - began < PATIENCE_SECONDS:
            found = http.get(path, params={"wait_seconds": 10}, headers=self._bearer())
            if found.status_code != 200:
                with self.tally.lock:
                    self.tally.refused += 1
                    self.tally.complain(f"look: {found.status_code} {found.text[:200]}")
                return
            document = found.json()
            state, attempt, reason = document["state"], document["attempt"], document["reason"]
        with self.tally.lock:
            self.tally.answers += [sent.content, found.content]
            self.tally.again += attempt > 1
            self.tally.slowest_seconds = max(self.tally.slowest_seconds, time.monotonic() - began)
            if payload.leak != "nowhere" and state == ("failed" if payload.leak == "error" else "done"):
                self.tally.leaks[payload.leak] += 1
            elif state == "done":
                self.tally.done += 1
            else:
                self.tally.failed += 1
                self.tally.complain(f"{path} is {state or 'lost'}: {reason[:200]}")

    def _bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._resolver.value(API_KEY, 'key').get_secret_value()}"}
