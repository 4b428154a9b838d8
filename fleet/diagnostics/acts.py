"""What may an operator do from a page, a terminal or an assistant, and who is told of it?

Each verb is one the command line has, too. It is on record before it is done: what cannot be recorded does not happen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fleet.alerts.evaluate import take_over
from fleet.alerts.job import rules
from fleet.clock import SYSTEM
from fleet.dispatcher import dead_letters, pausing, tasks
from fleet.errors import FleetError, StoreUnavailable, UnknownName
from fleet.registry import roster
from fleet.secrets import audit
from fleet.settings import current
from fleet.settings.read_only import refuse_when_read_only
from fleet.store.client import connect


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants what done to what, from where, and why."""

    verb: str
    target: str
    actor: str
    source: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of it, in words for the operator."""

    is_done: bool
    said: str


def act(wish: Wish) -> Done:
    """Record the wish and fulfil it; a refusal is on record, too."""
    if wish.verb not in VERBS:
        raise UnknownName("verb", wish.verb, VERBS)
    refuse_when_read_only(f"{wish.verb} {wish.target}")
    action, do = VERBS[wish.verb]
    detail = {"why": wish.why} if wish.why else {}
    audit.record(action, wish.target, actor=wish.actor, source=wish.source, detail=detail)
    try:
        return do(wish)
    except StoreUnavailable:
        raise
    except FleetError as error:
        refused = {**detail, "reason": str(error)}
        audit.record(action, wish.target, outcome="failed", actor=wish.actor, source=wish.source, detail=refused)
        return Done(False, str(error))


def _pause(wish: Wish) -> Done:
    pausing.pause(wish.target, wish.why or f"paused by {wish.actor}")
    return Done(True, f"{wish.target} is paused: what runs goes on, nothing more is released to it")


def _resume(wish: Wish) -> Done:
    was = pausing.resume(wish.target)
    return Done(was, f"{wish.target} is resumed" if was else f"{wish.target} was not paused")


def _drain(wish: Wish) -> Done:
    return _worker(wish, roster.drain(wish.target))


def _undrain(wish: Wish) -> Done:
    return _worker(wish, roster.undrain(wish.target))


def _worker(wish: Wish, status: str) -> Done:
    return Done(status != "unknown", f"worker {wish.target}: {status}")


def _cancel(wish: Wish) -> Done:
    was = tasks.cancel(wish.target, wish.why or f"cancelled by {wish.actor}")
    return Done(was not in ("unknown", *tasks.OVER), f"{wish.target} was {was}")


def _replay(wish: Wish) -> Done:
    state = dead_letters.replay(wish.target)
    return Done(state != "is no dead letter", f"{wish.target} {state}")


def _acknowledge(wish: Wish) -> Done:
    take_over(connect(), current().cell, rules(), wish.target, wish.actor, SYSTEM.now())
    return Done(True, f"{wish.target} is yours, {wish.actor}")


VERBS: dict[str, tuple[str, Callable[[Wish], Done]]] = {
    "pause": ("pool.pause", _pause),
    "resume": ("pool.resume", _resume),
    "drain": ("worker.drain", _drain),
    "undrain": ("worker.undrain", _undrain),
    "cancel": ("task.cancel", _cancel),
    "replay": ("task.replay", _replay),
    "acknowledge": ("incident.acknowledge", _acknowledge),
}
