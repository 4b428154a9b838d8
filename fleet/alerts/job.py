"""What does the scheduled alert job do?

Looks, ends the actions whose time is over, and delivers what is due. Several may run at once, on several hosts; none is
special, and each may die anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fleet.alerts import bundle, rulebook, view
from fleet.alerts.actions import register
from fleet.alerts.actions.plan import Request
from fleet.alerts.deliver import Act, deliver
from fleet.alerts.evaluate import Looked, evaluate
from fleet.alerts.notifiers.outcome import TOLD, Outcome
from fleet.alerts.rules import RuleBook
from fleet.catalogue.load import current as current_catalogue
from fleet.clock import SYSTEM, Clock
from fleet.settings import Settings, catalogue_file
from fleet.settings import current as current_settings
from fleet.store.client import Client, connect
from fleet.telemetry.redaction import hide


@dataclass(frozen=True, slots=True)
class Done:
    """What one run came to."""

    looked: Looked
    ended_actions: tuple[str, ...]
    delivered: Mapping[str, int]


def run(client: Client | None = None, settings: Settings | None = None, clock: Clock = SYSTEM) -> Done:
    """Look, sweep, deliver."""
    settings = settings or current_settings()
    client = client or connect(settings=settings)
    book = rules()
    looked = evaluate(
        client,
        settings.cell,
        book,
        clock.now(),
        interval_seconds=settings.alerts.interval_seconds,
        prometheus_url=settings.alerts.prometheus_url,
    )
    ended = register.sweep(client, settings.cell, clock.now(), audit)
    delivered = deliver(client, settings.cell, book, read_secret, actor(client, settings.cell, clock))
    return Done(looked, tuple(ended), dict(delivered))


def run_delivery(
    client: Client | None = None, settings: Settings | None = None, clock: Clock = SYSTEM
) -> Mapping[str, int]:
    """Deliver what is due, between two looks."""
    settings = settings or current_settings()
    client = client or connect(settings=settings)
    return dict(deliver(client, settings.cell, rules(), read_secret, actor(client, settings.cell, clock)))


def rules() -> RuleBook:
    """Return the rules that apply, read again when the file changed."""
    file = catalogue_file()
    return _rules(file, file.stat().st_mtime_ns if file else 0)


@lru_cache(maxsize=2)
def _rules(file: Path | None, changed_at: int) -> RuleBook:
    del changed_at
    return rulebook.load(file)


def actor(client: Client, cell: str, clock: Clock) -> Act:
    """Return what begins an action that the outbox asks for; a refusal is an answer, not a failure."""

    def act(request: Request) -> Outcome:
        now = clock.now()
        seen = view.gather(client, cell, current_catalogue(), now)
        if request.until <= now:
            return Outcome("never", "its time was over before it could begin")
        collected = bundle.collect(client, cell, request, now) if register.plan(request, seen).collects else ""
        taken = register.take(client, cell, request, seen, audit, collected)
        return TOLD if taken.in_force else Outcome("told", f"not taken: {taken.reason}")

    return act


def audit(action: str, target: str, *, actor: str | None, detail: Mapping[str, object]) -> object:
    """Put it on record in the fleet's audit log."""
    from fleet.secrets.audit import record

    return record(action, target, actor=actor, detail=detail)


def read_secret(name: str) -> str:
    """Return a channel's secret: `path` or `path#field` in the secret backend."""
    from fleet.secrets.configured import value

    path, _, field = name.partition("#")
    secret = value(path, field or "value").get_secret_value()
    hide(secret)
    return secret
