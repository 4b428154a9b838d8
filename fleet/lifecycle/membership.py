"""How does a worker stay a member?

Its own thread heartbeats, so that neither a busy event loop nor a lost event stops it; a process that cannot run Python
any more falls silent, which is the point. Heartbeats also tick the dispatcher: no single process has to be up for that.
"""

from __future__ import annotations

import os
import socket
import threading
from typing import Any

import psutil
from celery import bootsteps, signals

from fleet import catalogue
from fleet.dispatcher import contracts, declare, execution, memory, ticking, transport
from fleet.errors import FleetError
from fleet.health import repairs
from fleet.lifecycle import farewell, hearing, hoarding, identity, orphans, waking
from fleet.registry import roster
from fleet.settings import current
from fleet.store.client import broker_url, speaks_redis
from fleet.telemetry import logs

LOG = "lifecycle"
LOOK_AFTER_SECONDS = 0.5
SOONER = 4
"""How much more often a heartbeat is tried while the store is away."""


class Membership(bootsteps.StartStopStep):  # type: ignore[misc]
    """Register when the worker's pool of processes is up; leave when it stops."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self.records: dict[str, tuple[str, int]] = {}
        self.thread: threading.Thread | None = None
        self.pool: Any = None
        self.stopping = threading.Event()
        self.last_call: threading.Timer | None = None
        self.hearing: hearing.Hearing | None = None
        self.running, self.is_leaving, self.hoards = 0, False, 0
        self.worker_id = identity.assume(worker.hostname)

    def start(self, worker: Any) -> None:
        memory.WATCH.begin()
        self.pool = worker.pool
        execution.check(worker.app)
        self.hoards = hoarding.hoards(worker)
        self.records = share_slots(self.worker_id, served_pools(worker), int(worker.concurrency or 1))
        declare.publish()
        self._register()
        # Held tasks need not wait for the next heartbeat.
        ticking.tick()
        self.thread = threading.Thread(target=self._beat, name="fleet-heartbeat", daemon=True)
        self.thread.start()
        signals.worker_shutting_down.connect(self._told_to_stop, weak=False)

    def _told_to_stop(self, **_: Any) -> None:
        """Count from the signal on: the event loop, waiting for a broker that does not answer, may notice late or never."""
        self._call_last()
        watch = threading.Thread(target=farewell.end_if_stuck, args=(self.records, self.worker_id), name="fleet-farewell", daemon=True)
        watch.start()

    def _call_last(self) -> None:
        notice = farewell.notice_seconds(pool for pool, _ in self.records.values())
        if notice is not None and self.last_call is None:
            why = f"worker {self.worker_id} stops and its grace period is over"
            self.last_call = threading.Timer(notice, farewell.give_up, (self.records, why, farewell.GRACE_OVER))
            self.last_call.daemon = True
            self.last_call.start()

    def register_with_event_loop(self, worker: Any, hub: Any) -> None:
        """Look after the pool's processes twice a second: Celery's own five seconds are how late a killed one is noticed."""
        if hasattr(worker.pool, "maintain_pool"):
            hub.call_repeatedly(LOOK_AFTER_SECONDS, worker.pool.maintain_pool)
        if hasattr(worker.pool, "executor"):
            waking.wake_by_threads(worker.pool.executor, hub)
        if not speaks_redis(broker_url()):  # whose answers are noted: a turning loop will do
            hub.call_repeatedly(1.0, transport.heard)
        if self.hearing is None:
            self.hearing = hearing.Hearing(int(worker.concurrency or 1))

    def stop(self, worker: Any) -> None:
        """Take no more: the slots leave now; the lease is kept up while running tasks finish, as long as they may."""
        self.is_leaving = True
        farewell.tell_each(self.records, roster.drain)
        self._call_last()

    def terminate(self, worker: Any) -> None:
        self.leave()

    def leave(self) -> None:
        """Last word: off the roster."""
        self.stopping.set()
        if self.last_call is not None:
            self.last_call.cancel()
        if self.thread is not None:
            self.thread.join(timeout=5)
        farewell.tell_each(self.records, roster.leave)

    def _register(self) -> None:
        declared = catalogue.current()
        for record, (pool, slots) in self.records.items():
            row = declared.pool(pool)
            agent_type = row.agent_type if row else pool
            details = {
                "agent_type": agent_type,
                "version": contracts.build(),
                "contracts": contracts.announced(declared, declared.agent_types[agent_type].runs if row else ()),
                "hostname": socket.gethostname(),
                "pid": os.getpid(),
                "hoards": self.hoards,
            }
            roster.register(record, pool, slots, details)
        logs.get(LOG).info(
            "worker_registered", worker=self.worker_id, pools=dict(self.records.values())
        )

    def _heartbeat(self, memory: int) -> None:
        deaf = self.hearing.deaf_seconds(self.running) if self.hearing and not self.is_leaving else 0.0
        host = psutil.cpu_percent() / 100, psutil.virtual_memory().percent / 100
        told = {record: roster.heartbeat(record, memory, deaf, host) for record in self.records}
        self.running = sum(beat.running for beat in told.values())
        if any(beat.status == "unknown" for beat in told.values()):
            logs.get(LOG).warning("lease_lost", worker=self.worker_id, next="registering again; its tasks run elsewhere")
            self._register()
        if deaf > current().health.ghost_seconds and hearing.broker_answers():
            repairs.note("ghost_ended", worker=self.worker_id, deaf_seconds=round(deaf))
            logs.get(LOG).error("worker_ghosted", worker=self.worker_id, deaf_seconds=round(deaf), next="it ends, to be started again")
            farewell.give_up(self.records, f"worker {self.worker_id} hears nothing from the broker", farewell.GHOST)

    def _beat(self) -> None:
        settings, me = current(), psutil.Process()
        psutil.cpu_percent()  # each call measures since the one before
        interval, was_down = settings.leases.heartbeat_seconds, False
        is_ticker = any(pool == "maintenance" for pool, _ in self.records.values())
        pause = min(interval, settings.leases.tick_seconds) if is_ticker else interval
        beats, every = 0, max(1, round(interval / pause))
        suspects, look_every = frozenset[str](), max(1, round(orphans.LOOK_SECONDS / pause))
        while not self.stopping.wait(min(pause, interval / SOONER) if was_down else pause):
            try:
                if beats % every == 0:
                    self._heartbeat(me.memory_info().rss)
                    memory.WATCH.look(process.pid for process in list(getattr(getattr(self.pool, "_pool", None), "_pool", ())))
                if beats % look_every == 0:
                    suspects = orphans.look(self.worker_id, suspects)
                ticking.tick(settings.leases.tick_seconds)
                was_down = False
            except FleetError as error:
                if not was_down:
                    logs.get(LOG).error(
                        "store_unavailable",
                        worker=self.worker_id,
                        error=str(error),
                        next="trying on; claimed tasks are fenced until then",
                    )
                # At once when it is back: a lease has no time for an absence and a whole interval on either side of it.
                was_down, beats, suspects = True, -1, frozenset()
            except Exception as error:  # a heartbeat that dies of a surprise would look like a dead worker
                logs.get(LOG).error("heartbeat_failed", worker=self.worker_id, error=repr(error))
            beats += 1


def served_pools(worker: Any) -> list[str]:
    """Return the pools whose queues this worker consumes; a worker of no pool but maintenance is a ticker."""
    declared = catalogue.current()
    names = set(worker.app.amqp.queues.consume_from)
    pools = [pool.name for pool in declared.pools.values() if pool.queue in names]
    own = declared.pool(os.environ.get("FLEET_POOL", ""))
    if own and own.queue in names and own.name not in pools:  # a version of a pool, which nobody declared
        pools.append(own.name)
    return pools or ["maintenance"]


def share_slots(worker_id: str, pools: list[str], slots: int) -> dict[str, tuple[str, int]]:
    """Return record id -> (pool, slots): a worker that serves several pools shares its slots among them."""
    each, rest = divmod(slots, len(pools))
    shares = [max(1, each + (1 if index < rest else 0)) for index in range(len(pools))]
    return {
        worker_id if index == 0 else f"{worker_id}|{pool}": (pool, share)
        for index, (pool, share) in enumerate(zip(pools, shares, strict=True))
    }
