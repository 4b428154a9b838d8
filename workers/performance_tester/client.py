"""How is one request sent to the judged address, and what became of it?

aiohttp, measured at 15 times the requests per second of httpx on the same machine: a slow generator would measure
itself. The name is never resolved again, proxies and cookies are off, answers are not decompressed and are read up to a
bound.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from enum import StrEnum

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from workers.safety.targets import Target, TargetRefused

MAX_ANSWER_BYTES = 8 * 1024 * 1024


class Outcome(StrEnum):
    """What became of one request."""

    OK = "ok"
    REDIRECT = "redirect"
    HTTP_4XX = "http_4xx"
    HTTP_5XX = "http_5xx"
    TIMEOUT = "timeout"
    REFUSED = "connection_refused"
    BROKEN = "connection_broken"
    TLS = "tls"
    PROTOCOL = "protocol"
    TOO_LARGE = "answer_too_large"
    NOT_SENT = "not_sent"


UNREACHABLE = frozenset({Outcome.REFUSED, Outcome.TLS})


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, every time."""

    target: Target
    method: str
    headers: dict[str, str]
    body: str | None
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    outcome: Outcome
    status: int | None = None
    size: int = 0
    location: str | None = None


class _Pinned(AbstractResolver):
    """Knows one address, whatever it is asked."""

    def __init__(self, address: str) -> None:
        self._address = ipaddress.ip_address(address)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        own = socket.AF_INET6 if self._address.version == 6 else socket.AF_INET
        if family not in {own, socket.AF_UNSPEC}:
            raise OSError(f"the judged address {self._address} is not of the family asked for")
        return [
            ResolveResult(
                hostname=host, host=str(self._address), port=port, family=own, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        """Nothing is held."""


class Client:
    """A bounded set of connections to one judged target; use as an async context manager."""

    def __init__(self, request: Request, connections: int) -> None:
        self._request = request
        self._url = URL(request.target.url)
        if (self._url.raw_host or "").rstrip(".") != request.target.host or self._url.port != request.target.port:
            raise TargetRefused(request.target.url, "its host reads differently to different parsers; write it plainly")
        self._connections = connections

    async def __aenter__(self) -> Client:
        connector = aiohttp.TCPConnector(
            limit=self._connections,
            resolver=_Pinned(self._request.target.address),
            use_dns_cache=False,
            happy_eyeballs_delay=None,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            headers={"User-Agent": "agent-fleet-performance-tester"},
            timeout=aiohttp.ClientTimeout(total=self._request.timeout_seconds),
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._session.close()

    async def send(self) -> Answer:
        """Send the request once; never raises for anything the target does."""
        request = self._request
        try:
            async with self._session.request(
                request.method, self._url, headers=request.headers, data=request.body, allow_redirects=False
            ) as response:
                size = 0
                async for chunk in response.content.iter_any():
                    size += len(chunk)
                    if size > MAX_ANSWER_BYTES:
                        response.close()
                        return Answer(Outcome.TOO_LARGE, response.status, size)
                return Answer(_judge(response.status), response.status, size, response.headers.get("Location"))
        except TimeoutError:
            return Answer(Outcome.TIMEOUT)
        except aiohttp.ClientSSLError:
            return Answer(Outcome.TLS)
        except aiohttp.ClientConnectorError:
            return Answer(Outcome.REFUSED)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, ConnectionError):
            return Answer(Outcome.BROKEN)
        except (aiohttp.ClientError, ValueError):
            return Answer(Outcome.PROTOCOL)


def _judge(status: int) -> Outcome:
    match status // 100:
        case 3 if status != 304:
            return Outcome.REDIRECT
        case 4:
            return Outcome.HTTP_4XX
        case 5:
            return Outcome.HTTP_5XX
        case _:
            return Outcome.OK
