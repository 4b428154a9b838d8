"""What can go wrong between us and a language model, and is it worth trying again?

`transient` tells whether the same call may succeed later; `retry_after_seconds` how long the provider asked us to wait.
Texts never carry the request's headers, and what a provider sent back is shortened and cleaned of the key first.
"""

from __future__ import annotations

from fleet.errors import FleetError


class ProviderError(FleetError):
    """Root of everything a provider can raise."""

    transient = False
    maybe_billed = False
    """Whether the provider may have worked, and charges for it, although we got no answer."""

    def __init__(self, provider: str, text: str, *, retry_after_seconds: float | None = None) -> None:
        self.provider, self.retry_after_seconds = provider, retry_after_seconds
        super().__init__(f"{provider}: {text}")


class ProviderUnreachable(ProviderError):
    """No connection, or it broke off."""

    transient = True


class ProviderTimedOut(ProviderError):
    """Connected, but no complete answer in time."""

    transient = True
    maybe_billed = True


class ProviderRateLimited(ProviderError):
    """Too many requests or tokens (429)."""

    transient = True


class ProviderFailed(ProviderError):
    """The provider's own fault (5xx)."""

    transient = True


class ProviderKeyRefused(ProviderError):
    """The key is missing, wrong or not allowed to do this (401, 403)."""


class ProviderRequestRefused(ProviderError):
    """The provider does not like what we sent (other 4xx)."""


class ProviderAnswerMalformed(ProviderError):
    """Success, but not an answer of this protocol."""

    maybe_billed = True


class ProviderAnswerTooLarge(ProviderError):
    """The answer outgrew what we are willing to read."""

    maybe_billed = True
