"""Does the provider's bill say what our ledger says?

A worker that dies between the provider's answer and the record leaves an estimate: the most the call could cost. The
provider's own log settles it: billed calls get their exact amount, calls it never saw cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from fleet.costs.calls import Call, record_call
from fleet.costs.entries import Entry
from fleet.costs.prices import Usage
from fleet.costs.pricing import PriceBook
from fleet.store.client import Client

# The scripts remember a call for two days: an older estimate could be charged a second time instead of corrected.
OLDEST_SECONDS = 47 * 3600


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What changed; `delta` is the sum of all corrections in micro-dollars."""

    corrected: int
    never_billed: int
    too_old: int
    delta: int


def reconcile(
    client: Client, cell: str, entries: Iterable[Entry], billed: Mapping[str, Usage], book: PriceBook, now: datetime
) -> Reconciled:
    """Replace estimates by what the provider's log (usage by call id) says; idempotent."""
    corrected = never_billed = too_old = delta = 0
    for entry in entries:
        if not entry.estimated or entry.kind != "call":
            continue
        at = datetime.fromtimestamp(entry.at / 1000, tz=now.tzinfo)
        if (now - at).total_seconds() > OLDEST_SECONDS:
            too_old += 1
            continue
        call = Call(
            call_id=entry.call_id,
            task_id=entry.task_id,
            tenant=entry.tenant,
            task_type=entry.task_type,
            model=entry.model,
            provider=entry.provider,
            agent_type=entry.agent_type,
            attempt=entry.attempt,
        )
        usage = billed.get(entry.call_id)
        receipt = record_call(client, cell, call, usage or Usage(), book, at)
        if receipt.status == "corrected":
            corrected += usage is not None
            never_billed += usage is None
            delta += receipt.delta
    return Reconciled(corrected, never_billed, too_old, delta)
