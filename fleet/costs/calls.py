"""May this paid call be made, and what did it cost?

The one door of a worker to the money: `allow` before a call, `record_call` after it, `void_call` if it was never made.
Recording is idempotent by call id, so a retry or a redelivery never pays twice in the books.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fleet.costs.money import usd
from fleet.costs.prices import Quote, Unpriced, Usage
from fleet.costs.pricing import PriceBook
from fleet.costs.verdict import Verdict, parse
from fleet.errors import FleetError
from fleet.store import keys
from fleet.store.client import Client
from fleet.store.scripts import script


class UnpricedModel(FleetError):
    """A paid call on a model nobody priced: it must not be made, because its cost could not be known."""

    def __init__(self, unpriced: Unpriced) -> None:
        self.model = unpriced.model
        super().__init__(unpriced.reason)


@dataclass(frozen=True, slots=True)
class Call:
    """Which call it is; `call_id` is the same in every repetition of the same call."""

    call_id: str
    task_id: str
    tenant: str
    task_type: str
    model: str
    provider: str
    agent_type: str = ""
    attempt: int = 1

    def entry(self) -> dict[str, Any]:
        """Return the ledger entry as far as it is known before the call."""
        return {
            "call": self.call_id,
            "task": self.task_id,
            "attempt": self.attempt,
            "tenant": self.tenant,
            "type": self.task_type,
            "agent": self.agent_type,
            "model": self.model,
            "provider": self.provider,
            "kind": "call",
        }


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the books say about a call now; `delta` is what this recording added to the spend."""

    status: Literal["recorded", "corrected", "duplicate"]
    micros: int
    delta: int
    quote: Quote

    def as_dict(self) -> Mapping[str, Any]:
        return {"status": self.status, "usd": str(usd(self.micros)), **self.quote.as_dict()}


def most_it_costs(call: Call, book: PriceBook, at: datetime, *, input_tokens: int, max_output_tokens: int) -> Quote:
    """Return the price of the longest reply allowed; every output token counts as the dearest kind."""
    worst = Usage(input_tokens, max_output_tokens, estimated=True)
    thinking = Usage(input_tokens, max_output_tokens, reasoning_tokens=max_output_tokens, estimated=True)
    writing = Usage(input_tokens, max_output_tokens, cache_write_tokens=input_tokens, estimated=True)
    quotes = [_quote(call, book, at, usage, batch=False) for usage in (worst, thinking, writing)]
    return max(quotes, key=lambda quote: quote.micros)


def allow(client: Client, cell: str, call: Call, most: Quote, *, tokens: int = 0) -> Verdict:
    """Ask for the most the call can cost, and for its share of the provider's quota; free models are never blocked."""
    request = {
        "task": call.task_id,
        "call": call.call_id,
        "amount": 0 if most.is_free else most.micros,
        "tenant": call.tenant,
        "type": call.task_type,
        "provider": call.provider,
        "model": call.model,
        "tokens": tokens,
        "entry": json.dumps(call.entry() | {"origin": f"never settled; {most.origin}"}, separators=(",", ":")),
    }
    return parse(script("costs/ensure.lua")(client, [keys.prefix(cell)], [json.dumps(request)]))


def record_call(
    client: Client, cell: str, call: Call, usage: Usage, book: PriceBook, at: datetime, *, batch: bool = False
) -> Receipt:
    """Price the call and write it to the budgets and the ledger in one step, once per call id."""
    quote = _quote(call, book, at, usage, batch=batch)
    entry = call.entry() | {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cached": usage.cached_input_tokens,
        "reasoning": usage.reasoning_tokens,
        "micros": quote.micros,
        "estimated": usage.estimated,
        "origin": quote.origin,
    }
    [reply] = script("costs/settle.lua")(client, [keys.prefix(cell)], [json.dumps(entry)])
    answer = json.loads(reply)
    return Receipt(answer["status"], int(answer["micros"]), int(answer["delta"]), quote)


def void_call(client: Client, cell: str, call: Call) -> int:
    """Free the money of an allowed call that was never made; returns micro-dollars."""
    return int(script("costs/void.lua")(client, [keys.prefix(cell)], [call.task_id, call.call_id]))


def back_off(client: Client, cell: str, provider: str, model: str, retry_after_seconds: float) -> None:
    """Tell the whole fleet that the provider answered 429: nobody calls the model before that time."""
    arguments = [provider, model, int(retry_after_seconds * 1000)]
    script("costs/quota_backoff.lua")(client, [keys.prefix(cell)], arguments)


def _quote(call: Call, book: PriceBook, at: datetime, usage: Usage, *, batch: bool) -> Quote:
    quote = book.quote(call.model, usage, at, provider=call.provider, batch=batch)
    if isinstance(quote, Unpriced):
        raise UnpricedModel(quote)
    return quote
