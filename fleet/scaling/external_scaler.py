"""How does KEDA learn the targets?

A gRPC server of KEDA's external-push contract. It keeps nothing: any number of replicas may run, each answers from
the target store. An answer that would be a guess (stale target, store gone) is UNAVAILABLE, so that KEDA's `fallback`
acts; a request that cannot be right is INVALID_ARGUMENT or NOT_FOUND with the reason. What the metric is called is no
guess: KEDA is told even while the store is gone, or it could not make the HPA that falls back.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from fleet.errors import ConfigurationError, FleetError, StoreUnavailable, UnknownName
from fleet.scaling import metric
from fleet.scaling.activity import Activity
from fleet.scaling.proto import externalscaler_pb2 as messages
from fleet.scaling.proto import externalscaler_pb2_grpc as service
from fleet.scaling.published import NoTargets, TargetSource, metric_value
from fleet.scaling.scaler_tls import Tls, credentials
from fleet.store.client import Refused

SERVICE = "externalscaler.ExternalScaler"
METADATA = frozenset(
    {"pool", "cell", "tolerance"}
    | {"scalerAddress", "enableTLS", "unsafeSsl", "caCert", "tlsCertFile", "tlsClientCert", "tlsClientKey"}
)
"""What a trigger may say: three words for us, the rest for KEDA, which passes everything on."""
METRIC = re.compile(rf"(s\d+-)?{metric.METRIC_NAME}")
"""KEDA numbers the metrics of a ScaledObject; some versions leave the number on when they ask."""
OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)
"""A taken port is an error; streams may be silent for hours and still be found dead within minutes."""
Answer = TypeVar("Answer")


class BadRequest(ConfigurationError):
    """A ScaledObject's metadata cannot be served as it stands."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a ScaledObject asks for, checked."""

    pool: str
    tolerance: float


def parse(ref: Any, cell: str) -> Request:
    """Return the request in a ScaledObject's metadata, or refuse it."""
    given, where = dict(ref.scalerMetadata), f"ScaledObject {ref.namespace}/{ref.name}"
    pool = given.get("pool", "")
    if not pool:
        raise BadRequest(f"{where}: metadata has no 'pool': name the pool whose target it follows")
    for name in given:
        if name not in METADATA:
            raise BadRequest(str(UnknownName("metadata", name, METADATA, f"{where}: ")))
    if given.get("cell", cell) != cell:
        raise UnknownName("cell", given["cell"], [cell], f"{where}: ")
    try:
        tolerance = float(given.get("tolerance", "0"))
    except ValueError:
        tolerance = -1.0
    if not 0.0 <= tolerance < 0.5:
        raise BadRequest(f"{where}: tolerance is {given['tolerance']!r}, must be the HPA's, from 0 to below 0.5")
    return Request(pool, tolerance)


class ExternalScaler(service.ExternalScalerServicer):
    """KEDA's five questions, answered from a target source."""

    def __init__(self, source: TargetSource, activity: Activity, cell: str, stale_seconds: float) -> None:
        self._source, self._activity, self._cell, self._stale = source, activity, cell, stale_seconds

    async def IsActive(self, request: Any, context: Any) -> Any:
        """Tell whether the pool must have a replica at all."""

        async def answer() -> Any:
            asked = await self._known(request)
            return messages.IsActiveResponse(result=await asyncio.to_thread(self._activity.read, asked.pool))

        return await _refusing(context, answer)

    async def StreamIsActive(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """Push activity as it changes, so that zero becomes one without waiting for a poll."""
        try:
            asked = await self._known(request)
            async for active in self._activity.watch(asked.pool):
                yield messages.IsActiveResponse(result=active)
        except (FleetError, Refused) as error:
            await _abort(context, error)

    async def GetMetricSpec(self, request: Any, context: Any) -> Any:
        """Name the metric and what one replica is worth."""
        return await _refusing(context, lambda: self._spec(request))

    async def StreamMetricSpec(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """Name the metric once: it never changes while this server runs."""
        yield await _refusing(context, lambda: self._spec(request))
        await self._activity.closed()

    async def GetMetrics(self, request: Any, context: Any) -> Any:
        """Return the value with which the HPA lands on the target."""

        async def answer() -> Any:
            asked = await self._known(request.scaledObjectRef)
            name = request.metricName
            if not METRIC.fullmatch(name):
                raise UnknownName("metric", name, [metric.METRIC_NAME])
            value = await asyncio.to_thread(metric_value, self._source, asked.pool, asked.tolerance, self._stale)
            found = messages.MetricValue(metricName=name, metricValue=int(value), metricValueFloat=value)
            return messages.GetMetricsResponse(metricValues=[found])

        return await _refusing(context, answer)

    async def _spec(self, ref: Any) -> Any:
        try:
            await self._known(ref)
        except (StoreUnavailable, NoTargets):
            parse(ref, self._cell)
        size = metric.TARGET_SIZE
        spec = messages.MetricSpec(metricName=metric.METRIC_NAME, targetSize=int(size), targetSizeFloat=size)
        return messages.GetMetricSpecResponse(metricSpecs=[spec])

    async def _known(self, ref: Any) -> Request:
        """Return the request; refuse a pool without a target while others have one."""
        asked = parse(ref, self._cell)
        pools = await asyncio.to_thread(self._source.pools)
        if not pools:
            raise NoTargets()
        if asked.pool not in pools:
            raise UnknownName("pool", asked.pool, pools, f"ScaledObject {ref.namespace}/{ref.name}: ")
        return asked


@dataclass(slots=True)
class ScalerServer:
    """A running server and what it keeps going."""

    server: Any
    port: int
    _activity: Activity
    _watcher: asyncio.Task[None]

    async def stop(self, grace_seconds: float = 2.0) -> None:
        """End the streams in order, finish what is being answered, then close."""
        await self._activity.close()
        await self.server.stop(grace_seconds)
        self._watcher.cancel()

    async def wait(self) -> None:
        await self.server.wait_for_termination()


async def start(
    source: TargetSource, cell: str, listen: str, stale_seconds: float, tls: Tls | None = None
) -> ScalerServer:
    """Serve on `listen` (host:port, port 0 takes a free one)."""
    activity = Activity(source, stale_seconds)
    server = grpc.aio.server(options=OPTIONS)
    servicer = ExternalScaler(source, activity, cell, stale_seconds)
    service.add_ExternalScalerServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    probe = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(probe, server)
    try:
        port = server.add_secure_port(listen, credentials(tls)) if tls else server.add_insecure_port(listen)
    except (RuntimeError, OSError) as error:
        raise ConfigurationError(f"the scaler cannot listen on {listen}: {error}") from error
    await server.start()
    for name in ("", SERVICE):
        await probe.set(name, health_pb2.HealthCheckResponse.SERVING)
    return ScalerServer(server, port, activity, asyncio.create_task(activity.run()))


async def _refusing(context: Any, answer: Callable[[], Awaitable[Answer]]) -> Answer:
    try:
        return await answer()
    except (FleetError, Refused) as error:
        await _abort(context, error)


async def _abort(context: Any, error: Exception) -> NoReturn:
    """Refuse with the status that tells KEDA what to do, and the reason."""
    match error:
        case UnknownName():
            code = grpc.StatusCode.NOT_FOUND
        case ConfigurationError():
            code = grpc.StatusCode.INVALID_ARGUMENT
        case _:
            code = grpc.StatusCode.UNAVAILABLE
    await context.abort(code, str(error))
    raise AssertionError("abort always raises")
