"""How does one JSON request reach a provider, bounded in time and size, without its key ever showing?

httpx errors hold the request and with it the key's header, so they end here: what leaves this file is our own error
with our own text, and the library's exception is not attached to it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from workers.llm.errors import (
    ProviderAnswerMalformed,
    ProviderAnswerTooLarge,
    ProviderError,
    ProviderFailed,
    ProviderKeyRefused,
    ProviderRateLimited,
    ProviderRequestRefused,
    ProviderTimedOut,
    ProviderUnreachable,
)

MAX_ANSWER_BYTES = 4 * 1024 * 1024
SHOWN_CHARACTERS = 300
CONNECT_TIMEOUT_SECONDS = 5.0
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL, UnicodeError)


class Transport:
    """Posts JSON to one provider and reads JSON back."""

    def __init__(
        self,
        provider: str,
        base_url: str,
        timeout_seconds: float,
        *,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        self._provider, self._base_url = provider, base_url.rstrip("/")
        self._timeout_seconds, self._max_answer_bytes = timeout_seconds, max_answer_bytes
        self._timeout = httpx.Timeout(timeout_seconds, connect=min(CONNECT_TIMEOUT_SECONDS, timeout_seconds))

    def __repr__(self) -> str:
        return f"Transport({self._provider!r}, {self._base_url!r})"

    def post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str], secret: str) -> dict[str, Any]:
        """Post `body` and return the answer; raise a `ProviderError` for everything else."""
        deadline = time.monotonic() + self._timeout_seconds
        failure: ProviderError
        try:
            with (
                # A connection per call survives forks and needs no closing. Neither proxies nor netrc from the
                # environment, no redirects: a prompt goes where the settings say, or nowhere.
                httpx.Client(timeout=self._timeout, trust_env=False, follow_redirects=False) as client,
                client.stream("POST", self._base_url + path, json=body, headers=dict(headers)) as response,
            ):
                raw = self._read(response, deadline)
            return self._judge(response, raw, secret)
        except httpx.TimeoutException as exc:
            failure = ProviderTimedOut(
                self._provider,
                f"no answer from {self._base_url} within {self._timeout_seconds:g} s ({type(exc).__name__}); "
                "raise llm.timeout_seconds or ask for fewer tokens",
            )
            failure.maybe_billed = not isinstance(exc, NEVER_SENT)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as exc:
            failure = ProviderUnreachable(
                self._provider,
                f"no connection to {self._base_url} ({type(exc).__name__}); check llm.base_url and that it runs",
            )
            failure.maybe_billed = not isinstance(exc, NEVER_SENT)
        raise failure

    def _read(self, response: httpx.Response, deadline: float) -> bytes:
        received = bytearray()
        for chunk in response.iter_bytes():
            received += chunk
            if len(received) > self._max_answer_bytes:
                raise ProviderAnswerTooLarge(
                    self._provider, f"answer is larger than {self._max_answer_bytes} bytes; ask for fewer tokens"
                )
            if time.monotonic() > deadline:
                raise ProviderTimedOut(
                    self._provider,
                    f"answer still arriving after {self._timeout_seconds:g} s; raise llm.timeout_seconds",
                )
        return bytes(received)

    def _judge(self, response: httpx.Response, raw: bytes, secret: str) -> dict[str, Any]:
        status = response.status_code
        shown = _shown(raw, secret)
        if status in (401, 403):
            raise ProviderKeyRefused(self._provider, f"key refused ({status}): {shown}; check llm.api_key")
        if status == 429:
            wait = retry_after_seconds(response.headers, datetime.now(UTC))
            raise ProviderRateLimited(self._provider, f"too many requests (429): {shown}", retry_after_seconds=wait)
        if status >= 500:
            wait = retry_after_seconds(response.headers, datetime.now(UTC))
            raise ProviderFailed(self._provider, f"failed ({status}): {shown}", retry_after_seconds=wait)
        if status != 200:
            raise ProviderRequestRefused(self._provider, f"request refused ({status}): {shown}")
        try:
            answer = json.loads(raw)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise ProviderAnswerMalformed(self._provider, f"answered something that is not a JSON object: {shown}")
        return answer


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read how long the provider asks to wait: milliseconds, seconds or a date; nothing when it does not say."""
    for name, divisor in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if not value:
            continue
        try:
            seconds = float(value) / divisor
        except ValueError:
            try:
                at = parsedate_to_datetime(value)
            except ValueError:
                continue
            seconds = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
        if seconds == seconds and seconds != float("inf"):
            return max(0.0, seconds)
    return None


def _shown(raw: bytes, secret: str) -> str:
    """Shorten what a provider sent for an error text: one line, without the key, also when it was echoed in part."""
    text = " ".join(raw[: 8 * SHOWN_CHARACTERS].decode("utf-8", "replace").split())
    if secret:
        text = text.replace(secret, "[key]")
        if len(secret) >= 12:
            text = text.replace(secret[:8], "[key]").replace(secret[-8:], "[key]")
    return text[:SHOWN_CHARACTERS] or "no text"
