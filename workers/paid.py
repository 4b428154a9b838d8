"""Who pays for a call to a model?

The provider an agent gets is wrapped: every call is allowed by the budgets before it is made, for the most it can cost,
and recorded once after it, whatever it did cost.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from fleet.costs import calls
from fleet.costs.prices import Usage
from fleet.dispatcher.errors import MustWait, PermanentFailure
from fleet.dispatcher.estimates import price_book
from fleet.errors import StoreUnavailable
from fleet.settings import current
from fleet.store import numbers
from fleet.store.client import connect
from fleet.telemetry import genai, logs, tracing
from workers.llm.errors import ProviderError, ProviderRateLimited
from workers.llm.provider import Completion, CompletionRequest, Provider

CHARACTERS_PER_TOKEN = 3
"""Fewer than usual on purpose: the most a call can cost must not be guessed too low."""
LONGEST_WAIT_SECONDS = 60.0
"""A task over budget looks again after at most this long: a grant may have come."""
UNTOLD_BACK_OFF_SECONDS = 10.0
"""How long nobody calls a model whose provider answered 429 without saying for how long."""


class OverBudget(MustWait):
    """No money (or no quota) for this call now; the task waits and comes back."""


@dataclass(slots=True)
class PaidProvider:
    """A provider whose calls pass the budgets."""

    inner: Provider
    task_id: str
    attempt: int
    tenant: str
    task_type: str
    agent_type: str
    made: int = 0
    micros: int = 0
    """What its calls cost so far."""

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def model(self) -> str:
        return self.inner.model

    @property
    def small(self) -> bool:
        return self.inner.small

    def complete(self, request: CompletionRequest) -> Completion:
        """Allow, call, record; a call that was never made gives its money back."""
        self.made += 1
        call, client, cell = self._call(), connect(), current().cell
        characters = sum(len(message.content) for message in request.messages)
        try:
            most = calls.most_it_costs(
                call,
                price_book(),
                datetime.now(UTC),
                input_tokens=characters // CHARACTERS_PER_TOKEN + 16,
                max_output_tokens=request.max_tokens,
            )
        except calls.UnpricedModel as error:
            raise PermanentFailure(f"{error}: declare a price for it in the section `prices`") from error
        verdict = calls.allow(client, cell, call, most, tokens=request.max_tokens)
        if verdict.status == "refuse":
            raise PermanentFailure(f"a call of {self.model} was refused: {verdict.reason}")
        if not verdict.allowed:
            wait = min(verdict.retry_after_seconds or LONGEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS)
            raise OverBudget(f"a call of {self.model} must wait: {verdict.reason}", wait)
        try:
            completion = self._ask(request)
        except ProviderError as error:
            if isinstance(error, ProviderRateLimited):
                wait = error.retry_after_seconds or UNTOLD_BACK_OFF_SECONDS
                calls.back_off(client, cell, self.name, self.model, wait)
            if not error.maybe_billed:
                calls.void_call(client, cell, call)
            # Otherwise the call stays allowed, and is booked as an estimate when the attempt ends.
            raise
        usage = completion.usage
        spent = Usage(
            usage.input_tokens, usage.output_tokens, cached_input_tokens=usage.cached_tokens, reasoning_tokens=usage.reasoning_tokens,
            estimated=usage.source == "estimated",
        )  # fmt: skip
        receipt = calls.record_call(client, cell, call, spent, price_book(), datetime.now(UTC))
        self.micros += receipt.micros
        logs.get("worker").info(
            "call_recorded", task_id=self.task_id, model=self.model, tokens=spent.tokens, micros=receipt.micros
        )
        return completion

    def _ask(self, request: CompletionRequest) -> Completion:
        """Make the call, traced and counted."""
        began, outcome, trace_id = time.monotonic(), "failed", ""
        about = genai.request(self.model, self.name, max_tokens=request.max_tokens)
        try:
            with tracing.span(genai.span_name(self.model), about, kind="client") as span:
                trace_id = tracing.current_trace_id()
                completion = self.inner.complete(request)
                used, ended = completion.usage, completion.finish_reason
                known = genai.response(completion.model, used.input_tokens, used.output_tokens, ended)
                tracing.describe(span, known)
            outcome = "ok"
            return completion
        finally:
            took = numbers.observe("fleet_llm_call_seconds", time.monotonic() - began, self.model, trace_id=trace_id)
            try:
                numbers.record(connect(), current().cell, numbers.count("fleet_llm_calls_total", self.model, outcome), took)
            except StoreUnavailable:
                pass  # a number is lost; the completion, which is paid for, must not be

    def _call(self) -> calls.Call:
        call_id = f"{self.task_id}:{self.attempt}:{self.inner.model}:{self.made}"
        return calls.Call(
            call_id,
            self.task_id,
            self.tenant,
            self.task_type,
            self.inner.model,
            self.inner.name,
            self.agent_type,
            self.attempt,
        )
