"""How may several beats run, and every job fire once?

When each job fired last is kept in the store, and sending it is one atomic step with moving that time on: of all beats
that see a job due, one sends it. Nobody leads, so nobody has to be found dead: a job of a beat that died or froze is sent
by the next, when it is due. What was missed while no beat ran runs once, at once. Time is the server's, not the host's.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from celery.beat import ScheduleEntry, Scheduler

from fleet import catalogue
from fleet.dispatcher import envelope
from fleet.errors import FleetError, StoreUnavailable
from fleet.registry import beats
from fleet.settings import current
from fleet.store import keys
from fleet.store.client import available, broker_url, connect, store_url
from fleet.store.scripts import script
from fleet.telemetry import logs

LOG = "scheduler"
RETRY_SECONDS, STEP_SECONDS = 1.0, 1.0
COMPOSED = frozenset({"queue", "expires"})
"""Options of jobs whose message is sent by the script itself; others are claimed there and sent by Celery."""


class FleetScheduler(Scheduler):  # type: ignore[misc]
    """Celery beat's scheduler with its memory in the store."""

    def __init__(self, app: Any, *args: Any, schedule_filename: str = "", **options: Any) -> None:
        self._file, self._ahead, self._seen, self._is_blind = schedule_filename, 0.0, dict[str, str](), False
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        super().__init__(app, *args, **options)

    def setup_schedule(self) -> None:
        self.schedule: dict[str, ScheduleEntry] = self.data
        super().setup_schedule()
        for entry in self.schedule.values():
            entry.schedule.nowfun = self.now

    def now(self) -> datetime:
        """The store's time, by the difference found at the last look."""
        return datetime.now(UTC).astimezone(self.app.timezone) + timedelta(seconds=self._ahead)

    def tick(self, *_: Any, **__: Any) -> float:
        """Send what is due; returns seconds until the next look."""
        try:
            self._recall()
            wait = min((self._look(entry) for entry in list(self.schedule.values())), default=float(self.max_interval))
        except StoreUnavailable as error:
            if not self._is_blind:
                logs.get(LOG).error("schedule_waits", error=str(error), next="none: what is missed runs once, when it is back")
            self._is_blind = True
            return RETRY_SECONDS
        self._is_blind = False
        return max(0.0, min(wait, float(self.max_interval)))

    def _recall(self) -> None:
        """Learn the server's time and what the others sent; a job nobody has seen counts from now."""
        client: Any = connect()
        with available():
            seconds, micros = client.time()
            self._ahead = seconds + micros / 1e6 - time.time()
            beats.look(self._name, seconds + micros / 1e6)
            key, begin = f"{keys.prefix(current().cell)}schedule", _stamp(self.now())
            fired = client.hgetall(key)
            for name in self.schedule.keys() - fired.keys():
                client.hsetnx(key, name, begin)
                fired[name] = client.hget(key, name)
        for name, entry in list(self.schedule.items()):
            if float(fired[name]) > float(begin) + STEP_SECONDS:  # the clock was set back: count from now, not from then
                _, fired[name] = script("lifecycle/fire.lua")(client, [keys.prefix(current().cell)], [name, fired[name], begin, "", ""])
            self._note(entry, fired[name])

    def _note(self, entry: ScheduleEntry, fired: str) -> ScheduleEntry:
        if self._seen.get(entry.name) != fired:
            self._seen[entry.name] = fired
            entry = self.schedule[entry.name] = entry._next_instance(datetime.fromtimestamp(float(fired), UTC))
        return entry

    def _look(self, entry: ScheduleEntry) -> float:
        is_due, wait = entry.is_due()
        if is_due:
            _, wait = self._note(entry, self._fire(entry)).is_due()
        return float(wait)

    def _fire(self, entry: ScheduleEntry) -> str:
        """Send the job unless another beat did; returns when it was sent."""
        by_script = self._is_composed(entry)
        queue = str(entry.options.get("queue") or self.app.conf.task_default_queue)
        message = self._message(entry, queue) if by_script else b""
        claim = [entry.name, self._seen[entry.name], _stamp(self.now()), queue, message]
        fired, at = script("lifecycle/fire.lua")(connect(), [keys.prefix(current().cell)], claim)
        if fired:
            if not by_script:
                self.apply_entry(entry, producer=self.producer)
            logs.get(LOG).info("job_sent", job=entry.name, task=entry.task)
        return str(at)

    def _is_composed(self, entry: ScheduleEntry) -> bool:
        return entry.options.keys() <= COMPOSED and entry.task not in catalogue.current().task_types and broker_url() == store_url()

    def _message(self, entry: ScheduleEntry, queue: str) -> bytes:
        task_id = str(uuid4())
        headers, _, body, _ = self.app.amqp.as_task_v2(
            task_id, entry.task, entry.args or (), entry.kwargs or {}, expires=entry.options.get("expires"), ignore_result=True
        )
        return envelope.foreign({**headers, "celery_beat_task": True}, orjson.dumps(body, default=str), queue)

    def sync(self) -> None:
        """Show whoever looks at the file that this loop is alive."""
        if self._file:
            Path(self._file).touch()

    def close(self) -> None:
        super().close()
        with suppress(FleetError):  # it is forgotten after a minute anyway
            beats.leave(self._name)

    @property
    def info(self) -> str:
        return "    . schedule -> in the store; every job once, however many beats"


def _stamp(moment: datetime) -> str:
    return f"{moment.timestamp():.6f}"
