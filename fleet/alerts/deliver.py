"""How does what is in the outbox reach people, and actions begin?

Claim, tell, settle: each step may be the last before a crash; then the lease runs out and another deliverer goes on.
A receiver that is away is tried again, further and further apart, for a day; one that says never goes to the dead.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from fleet.alerts import outbox
from fleet.alerts.actions.plan import Request
from fleet.alerts.message import Notification
from fleet.alerts.notifiers import notifier
from fleet.alerts.notifiers.outcome import Outcome
from fleet.alerts.rules import Channel, RuleBook
from fleet.clock import SYSTEM, Clock
from fleet.errors import FleetError
from fleet.store.client import Client
from fleet.telemetry import logs
from fleet.telemetry.events import Event

ACTION_LANE: Final = "!action"
FIRST_WAIT_SECONDS: Final = 5.0
LONGEST_WAIT_SECONDS: Final = 900.0
GIVE_UP_SECONDS: Final = 86_400.0
_log = logs.get("alerts")

ReadSecret = Callable[[str], str]
Act = Callable[[Request], Outcome]
Tell = Callable[[Notification, Channel, str], Outcome]


def tell(notification: Notification, channel: Channel, secret: str) -> Outcome:
    """Tell through the channel's own notifier."""
    return notifier(channel.kind)(notification, channel, secret)


def deliver(
    client: Client,
    cell: str,
    book: RuleBook,
    read_secret: ReadSecret,
    act: Act,
    *,
    tell: Tell = tell,
    clock: Clock = SYSTEM,
    most: int = 500,
    seconds: float = 30.0,
    threads: int = 4,
    lease_seconds: float = outbox.LEASE_SECONDS,
) -> Counter[str]:
    """Deliver what is due, several lanes at a time; return how many were told, postponed and given up.

    Begins nothing new after `seconds`, so that receivers that hang cannot hold up the next look at the rules.
    """
    deadline = clock.monotonic() + seconds

    def work(share: int) -> Counter[str]:
        counts: Counter[str] = Counter()
        for _ in range(share):
            if clock.monotonic() > deadline:
                break
            claim = outbox.claim(client, cell, lease_seconds)
            if claim is None:
                break
            counts[_one(client, cell, book, claim, read_secret, act, tell, clock)] += 1
        return counts

    if threads == 1:
        return work(most)
    with ThreadPoolExecutor(threads, thread_name_prefix="deliver") as pool:
        return sum(pool.map(work, [most // threads] * threads), Counter[str]())


def _one(
    client: Client,
    cell: str,
    book: RuleBook,
    claim: outbox.Claim,
    read_secret: ReadSecret,
    act: Act,
    tell: Tell,
    clock: Clock,
) -> str:
    is_action = claim.lane.startswith(ACTION_LANE)
    if is_action:
        request = Request.from_json(claim.entry)
        name, began, outcome = f"action:{request.call.name}", request.at, _guard(lambda: act(request))
    else:
        notification = Notification.from_json(claim.entry)
        name, began = notification.channel, notification.at
        outcome = _guard(lambda: _tell(book, notification, read_secret, tell))
    line = _log.bind(lane=claim.lane, channel=name, attempts=claim.attempts + 1, reason=outcome.reason)
    if outcome.answer == "told":
        outbox.done(client, cell, claim, name)
        line.info(Event.NOTIFICATION_DELIVERED)
        return "told"
    if outcome.answer == "never" or clock.now() - began > GIVE_UP_SECONDS:
        outbox.dead(client, cell, claim, name, outcome.reason)
        line.error(Event.NOTIFICATION_GIVEN_UP, next_step="fleet alerts history --dead")
        return "given up"
    asked = outcome.wait_seconds
    wait = backoff(claim.attempts) if asked is None else min(asked, 4 * LONGEST_WAIT_SECONDS)
    outbox.later(client, cell, claim, name, wait, outcome.reason)
    line.warning(Event.NOTIFICATION_POSTPONED, wait_seconds=round(wait, 1))
    return "postponed"


def backoff(attempts: int) -> float:
    """Return the wait after so many earlier attempts: doubling, bounded, a quarter of it random."""
    wait = min(FIRST_WAIT_SECONDS * 2.0 ** min(attempts, 20), LONGEST_WAIT_SECONDS)
    return wait * random.uniform(0.75, 1.0)


def _tell(book: RuleBook, notification: Notification, read_secret: ReadSecret, tell: Tell) -> Outcome:
    channel = book.channels.get(notification.channel)
    if channel is None:
        return Outcome("never", f"channel {notification.channel!r} is no longer declared")
    secret = read_secret(channel.secret) if channel.secret else ""
    return tell(notification, channel, secret)


def _guard(attempt: Callable[[], Outcome]) -> Outcome:
    """Turn trouble of ours (no secret, a bug in one notifier) into another attempt: the others must still go out."""
    try:
        return attempt()
    except FleetError as error:
        return Outcome("later", str(error))
    except Exception as error:
        _log.exception(Event.ACTION_FAILED)
        return Outcome("later", f"{type(error).__name__}: {error}")
