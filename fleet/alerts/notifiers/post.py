"""How is a message posted to a web address that may hang, fail or redirect?

One attempt with a deadline, no redirects (a signed or secret-bearing request must not follow one), and an answer that
says whether another attempt makes sense.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import httpx

from fleet.alerts.notifiers.address import Forbidden, pinned
from fleet.alerts.notifiers.outcome import TOLD, Outcome
from fleet.settings import current
from fleet.telemetry.redaction import redact_text

MOST_ANSWER_BYTES = 2_000
_LATER = frozenset({408, 409, 425, 429})


def post(url: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float) -> Outcome:
    """Post the body once."""
    limits = httpx.Timeout(timeout_seconds, connect=min(5.0, timeout_seconds))
    try:
        *others, last = pinned(url, current().alerts.allowed_addresses)
        asked = httpx.URL(url)
        named = {"User-Agent": "agent-fleet", **headers, "Host": asked.netloc.decode()}
        with httpx.Client(timeout=limits, follow_redirects=False) as client:
            for address in others:
                with suppress(httpx.ConnectError, httpx.ConnectTimeout):
                    return _sent(client, address, asked.host, body, named)
            return _sent(client, last, asked.host, body, named)
    except Forbidden as error:
        return Outcome("never", f"{error}: correct the channel's address, or the setting alerts.allowed_addresses")
    except httpx.TimeoutException:
        return Outcome("later", f"no answer within {timeout_seconds:g} s")
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        return Outcome("never", f"the channel's address is no web address: {redact_text(str(error))}")
    except httpx.HTTPError as error:
        return Outcome("later", redact_text(f"{type(error).__name__}: {error}"))


def _sent(client: httpx.Client, address: httpx.URL, name: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
    """Post to a judged address; the certificate is asked for the name."""
    named = {"sni_hostname": name}
    with client.stream("POST", address, content=body, headers=headers, extensions=named) as response:
        text = "" if response.is_success else _beginning(response)
        return _judge(response, text)


def _judge(response: httpx.Response, text: str) -> Outcome:
    status = response.status_code
    if response.is_success:
        return TOLD
    if response.is_redirect:
        where = redact_text(response.headers.get("location", "?"))
        return Outcome("never", f"answered {status}, a redirect to {where}: put the final address into the channel")
    reason = redact_text(f"answered {status}: {text}".strip(": "))
    if status in _LATER or status >= 500:
        after = response.headers.get("retry-after", "")
        return Outcome("later", reason, float(after) if after.isdigit() else None)
    return Outcome("never", reason)


def _beginning(response: httpx.Response) -> str:
    """Read a little of a failure's text, so that its reason can be shown."""
    read = b""
    for part in response.iter_bytes(512):
        read += part
        if len(read) >= MOST_ANSWER_BYTES:
            break
    return " ".join(read[:MOST_ANSWER_BYTES].decode("utf-8", "replace").split())[:300]
