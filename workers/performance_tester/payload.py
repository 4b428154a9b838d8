"""What may a producer ask of the performance tester?

Everything that could hurt a target is bounded here: rate, duration, connections and their product. Headers that carry
credentials are refused, because payloads are stored and shown.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

MAX_REQUESTS = 500_000
MAX_HEADERS = 50
MAX_HEADER_CHARACTERS = 4_096
CREDENTIALS = ("authorization", "cookie", "token", "secret", "password", "api-key", "apikey", "session")
OWNED_BY_CLIENT = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect"}
)
TOKEN_CHARACTERS = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

Milliseconds = Annotated[float, Field(gt=0, le=600_000)]


class Thresholds(BaseModel):
    """What is good enough; a threshold that is not given is not judged."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    p50_ms: Milliseconds | None = None
    p95_ms: Milliseconds | None = None
    p99_ms: Milliseconds | None = None
    error_rate: Annotated[float | None, Field(ge=0, le=1, description="largest share of requests that may fail")] = 0.01
    min_throughput: Annotated[float | None, Field(gt=0, description="successful requests per second")] = None


class PerformanceTest(BaseModel):
    """One load test: a constant arrival rate against one URL."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: Annotated[str, Field(min_length=8, max_length=4096, description="http(s) URL of an allowed target")]
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    headers: Annotated[dict[str, str], Field(description="request headers; none that carries credentials")] = {}
    body: Annotated[str | None, Field(max_length=256 * 1024)] = None
    rate_per_second: Annotated[float, Field(gt=0, le=5_000, description="requests started per second")] = 50.0
    duration_seconds: Annotated[float, Field(ge=0.2, le=300)] = 5.0
    connections: Annotated[int, Field(ge=1, le=256, description="connections open at most")] = 16
    warm_up_seconds: Annotated[float, Field(ge=0, le=60, description="same load first, not measured")] = 1.0
    request_timeout_seconds: Annotated[float, Field(ge=0.05, le=60)] = 10.0
    follow_redirects: Annotated[bool, Field(description="find the final URL once, judge every hop, then load it")] = (
        False
    )
    thresholds: Thresholds = Thresholds()

    @model_validator(mode="after")
    def _total_is_bounded(self) -> Self:
        requests = self.rate_per_second * (self.duration_seconds + self.warm_up_seconds)
        if requests > MAX_REQUESTS:
            raise ValueError(
                f"rate x (duration + warm-up) is {requests:.0f} requests, more than {MAX_REQUESTS}; lower one"
            )
        if self.rate_per_second * self.duration_seconds < 1:
            raise ValueError("rate x duration is less than one request; raise one")
        if self.follow_redirects and self.method not in {"GET", "HEAD"}:
            raise ValueError(f"redirects of {self.method} are not followed; send the final URL")
        if self.body is not None and self.method in {"GET", "HEAD"}:
            raise ValueError(f"{self.method} carries no body; use POST, PUT or PATCH")
        return self

    @field_validator("url")
    @classmethod
    def _url_names_a_web_address_without_credentials(cls, url: str) -> str:
        try:
            split = urlsplit(url)
        except ValueError as exc:
            raise ValueError(f"it is not a URL ({exc})") from exc
        if split.scheme not in {"http", "https"} or not split.hostname:
            raise ValueError("it must start with http:// or https:// and name a host")
        if split.username is not None or split.password is not None:
            raise ValueError("it carries credentials, which do not belong in a payload; remove 'user:password@'")
        return url

    @field_validator("headers")
    @classmethod
    def _headers_are_harmless(cls, headers: dict[str, str]) -> dict[str, str]:
        if len(headers) > MAX_HEADERS:
            raise ValueError(f"{len(headers)} headers, more than {MAX_HEADERS}")
        problems = [
            f"{name[:60]!r} {problem}" for name, value in headers.items() if (problem := header_problem(name, value))
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return headers


def header_problem(name: str, value: str) -> str | None:
    """Say why a header may not be sent, or None."""
    lower = name.lower()
    if not name or not set(name) <= TOKEN_CHARACTERS:
        return "is not a header name"
    if any(word in lower for word in CREDENTIALS):
        return "carries credentials, which do not belong in a payload; test an endpoint that needs none"
    if lower in OWNED_BY_CLIENT:
        return "is set by the HTTP client; leave it out"
    if len(value) > MAX_HEADER_CHARACTERS or any(ord(character) < 32 or ord(character) == 127 for character in value):
        return f"has a value with control characters or over {MAX_HEADER_CHARACTERS} characters"
    return None
