"""How is each fault injected?

A fault is a generator of three acts: before the load is brought in, in mid-load, and after every task has ended.
"""

from __future__ import annotations

import random
import resource
import signal
import time
from collections.abc import Iterator

import psutil
from kombu.exceptions import OperationalError

from fleet.errors import FleetError
from fleet.store.client import connect, forget
from workers.gameday.proxy import Proxy
from workers.gameday.score import Strike, in_flight
from workers.gameday.stage import Stage, pid, signal_tree

Fault = Iterator[None]
FROZEN_SECONDS = 10.0
CUT_SECONDS = 12.0
SLOW_SECONDS = 0.15
UNAVAILABLE_SECONDS = 5.0
KILL_EVERY_SECONDS = 4.0


def kill_worker(stage: Stage) -> Fault:
    """SIGKILL the busiest worker with all its processes."""
    yield
    stage.kill(stage.busiest())
    yield


def kill_child(stage: Stage) -> Fault:
    """SIGKILL one process of a worker's pool that is at work; the worker itself lives."""
    yield
    victim = next(iter(in_flight(stage.notes()).values())).pid
    stage.strike(victim)
    psutil.Process(victim).kill()
    yield


def freeze_worker(stage: Stage) -> Fault:
    """SIGSTOP a worker for longer than its lease, then let it go on: it finishes late, and must not be believed."""
    yield
    victim = stage.busiest()
    stage.strike(pid(victim))
    signal_tree(victim, signal.SIGSTOP)
    stage.tending(FROZEN_SECONDS)
    signal_tree(victim, signal.SIGCONT)
    yield


def kill_broker(stage: Stage) -> Fault:
    """SIGKILL the broker, and start it again on the same data and port."""
    yield
    _end_broker(stage, signal.SIGKILL)
    stage.ground.start_broker()
    yield


def restart_broker(stage: Stage) -> Fault:
    """Stop the broker as an upgrade does, be without one for a moment, and start it again."""
    yield
    _end_broker(stage, signal.SIGTERM)
    time.sleep(2.0)
    stage.ground.start_broker()
    yield


def drop_connections(stage: Stage) -> Fault:
    """Close every connection to the broker at once, as a failing load balancer does."""
    yield
    stage.strike()
    client = connect(stage.ground.broker.url)
    for kind in ("pubsub", "normal"):
        client.client_kill_filter(_type=kind, skipme=True)
    yield


def cut_network(stage: Stage) -> Fault:
    """Pull the cable between one worker and the broker, and put it back after its lease is over."""
    wire = Proxy(stage.ground.broker.port)
    victim = stage.behind(variables := stage.ground.through(wire.port))
    yield
    stage.strike(pid(victim))
    wire.cut()
    stage.tending(CUT_SECONDS)
    wire.heal()
    yield
    _consumes_again(stage, pid(victim))
    stage.restore(victim, *variables)
    wire.close()


def slow_network(stage: Stage) -> Fault:
    """Put a third of a second of round trip between one worker and the broker."""
    wire = Proxy(stage.ground.broker.port)
    victim = stage.behind(variables := stage.ground.through(wire.port))
    yield
    stage.strike(pid(victim))
    wire.delay_seconds = SLOW_SECONDS
    yield
    wire.delay_seconds = 0.0
    stage.restore(victim, *variables)
    wire.close()


def make_ghost(stage: Stage) -> Fault:
    """Let a worker's connection to the broker lead nowhere, while it can still tell the store that it lives."""
    wire = Proxy(stage.ground.broker.port)
    variables = stage.ground.through(wire.port, store_too=False)
    # kombu would open another connection by itself; here that is kept from it, so that the last resort is what is tested.
    variables |= {"FLEET_BROKER__HEALTH_CHECK_SECONDS": "600", "FLEET_HEALTH__GHOST_SECONDS": "5"}
    victim = stage.behind(variables)
    yield
    began, worker = time.monotonic(), pid(victim)
    stage.strike(worker)
    wire.mute()
    stage.until(lambda: pid(victim) != worker and victim.is_up, "the ghost was not started again")
    stage.seen.append(f"ended itself and was started again after {time.monotonic() - began:.1f} s")
    yield
    _consumes_again(stage, pid(victim))
    stage.restore(victim, *variables)
    wire.close()


def fill_memory(stage: Stage) -> Fault:
    """Leave the broker no memory for anything new (noeviction), for a while."""
    yield
    client = connect(stage.ground.broker.url)
    stage.strike()
    client.config_set("maxmemory", "1")
    _asks_for_more(stage)
    stage.tending(UNAVAILABLE_SECONDS)
    client.config_set("maxmemory", "0")
    yield


def fill_disk(stage: Stage) -> Fault:
    """Let the broker's append-only file grow no further, for a while; its writes really fail."""
    yield
    server = stage.ground.broker.process.pid
    stage.strike()
    resource.prlimit(server, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    time.sleep(1.5)
    _asks_for_more(stage)
    stage.tending(UNAVAILABLE_SECONDS)
    resource.prlimit(server, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    yield


def restart_workers(stage: Stage) -> Fault:
    """Replace every worker under load, one by one, by SIGTERM: they finish what they run and hand back the rest."""
    yield
    stage.strike()
    for child in list(stage.ground.workers.values()):
        stage.replace(child)
    yield


def kill_at_random(stage: Stage) -> Fault:
    """SIGKILL a worker every few seconds until all is done, and start another in its place at once."""
    chance = random.Random(11)
    yield
    while not stage.is_drained():
        victim = chance.choice(stage.at_work() or list(stage.ground.workers.values()))
        stage.kill(victim)
        stage.replace(victim)
        stage.tending(KILL_EVERY_SECONDS)
        stage.until(stage.ground.is_ready, "the fleet did not come back")
    yield


def _end_broker(stage: Stage, number: signal.Signals) -> None:
    began, process = time.monotonic(), stage.ground.broker.process
    process.send_signal(number)
    process.wait(timeout=30)
    # It lets tasks begin until it is gone: they are interrupted, too.
    stage.strikes.append(Strike(began, until=time.monotonic()))
    forget()


def _asks_for_more(stage: Stage) -> None:
    """A producer comes by in the middle of it, and must be told at once and clearly."""
    began = time.monotonic()
    try:
        stage.accept(stage.ground.submit(0.0, str(stage.log), 1))
        stage.wrong.append("a producer was not told")
    except (FleetError, OperationalError, OSError) as error:
        stage.seen.append(f"a producer was told after {time.monotonic() - began:.1f} s: {error}")


def _consumes_again(stage: Stage, worker: int) -> None:
    """Bring in a little more, and see that this worker takes some of it."""
    began = time.monotonic()
    while time.monotonic() - began < 30.0:
        stage.accept(stage.ground.submit(0.2, str(stage.log), 12))
        stage.tending(1.5)
        if any(note.at > began and note.worker == worker for note in stage.notes()):
            stage.seen.append(f"consumes again {time.monotonic() - began:.1f} s after the last task of the load")
            return
    stage.wrong.append("the worker does not consume again")


