"""Does a KEDA client get exact answers, immediate pushes and honest refusals from the real gRPC server?"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from fleet.errors import ConfigurationError, StoreUnavailable
from fleet.scaling import hpa, metric
from fleet.scaling.external_scaler import SERVICE, ScalerServer, start
from fleet.scaling.proto import externalscaler_pb2 as messages
from fleet.scaling.proto import externalscaler_pb2_grpc as service
from fleet.scaling.published import PublishedTarget


@dataclass
class Table:
    """Targets in memory: the other `TargetSource` beside the store."""

    published: dict[str, PublishedTarget] = field(default_factory=dict)
    steps: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)
    gone: bool = False

    def _answering(self) -> None:
        if self.gone:
            raise StoreUnavailable("Redis at 127.0.0.1:6379 does not answer: start it")

    def pools(self) -> Collection[str]:
        self._answering()
        return list(self.published)

    def targets(self, pools: Collection[str]) -> Mapping[str, PublishedTarget]:
        self._answering()
        return {pool: self.published[pool] for pool in pools if pool in self.published}

    def past(self, pool: str) -> metric.Past:
        self._answering()
        return self.steps.get(pool, [])

    def working(self, pools: Collection[str]) -> Mapping[str, bool]:
        self._answering()
        return {pool: pool in self.busy for pool in pools}


@pytest.fixture
def table() -> Table:
    return Table({"code": PublishedTarget("code", 7, 1.0), "idle": PublishedTarget("idle", 0, 1.0)})


@dataclass
class Servers:
    """Servers in a thread of their own loop; called, starts one and returns its port."""

    table: Table
    loop: asyncio.AbstractEventLoop
    running: list[ScalerServer] = field(default_factory=list)

    def __call__(self) -> int:
        starting = start(self.table, "main", "127.0.0.1:0", 60.0)
        self.running.append(asyncio.run_coroutine_threadsafe(starting, self.loop).result(10))
        return self.running[-1].port

    def stop(self) -> None:
        while self.running:
            asyncio.run_coroutine_threadsafe(self.running.pop().stop(1.0), self.loop).result(10)


@pytest.fixture
def serve(table: Table) -> Iterator[Servers]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    servers = Servers(table, loop)
    yield servers
    servers.stop()
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture
def stub(serve: Servers) -> Iterator[service.ExternalScalerStub]:
    with grpc.insecure_channel(f"127.0.0.1:{serve()}") as channel:
        yield service.ExternalScalerStub(channel)


def ref(**metadata: str) -> messages.ScaledObjectRef:
    return messages.ScaledObjectRef(name="code", namespace="fleet", scalerMetadata=metadata)


def ask(stub: service.ExternalScalerStub, **metadata: str) -> float:
    asked = messages.GetMetricsRequest(scaledObjectRef=ref(**metadata), metricName=f"s0-{metric.METRIC_NAME}")
    return float(stub.GetMetrics(asked, timeout=5).metricValues[0].metricValueFloat)


def refusal(call: Callable[[], object]) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def test_a_poll_gives_spec_and_value(stub: service.ExternalScalerStub) -> None:
    spec = stub.GetMetricSpec(ref(pool="code"), timeout=5).metricSpecs[0]
    assert (spec.metricName, spec.targetSize, spec.targetSizeFloat) == (metric.METRIC_NAME, 1, 1.0)
    assert ask(stub, pool="code") == 7.0
    assert stub.IsActive(ref(pool="code"), timeout=5).result is True


def test_the_value_lands_on_the_target_through_the_tolerance(table: Table, stub: service.ExternalScalerStub) -> None:
    highest = metric.highest(100, 0.1)
    rules = hpa.Behaviour(1, highest, *[hpa.Direction(0, (hpa.Step("Pods", highest),))] * 2)
    for goal in (1, 52, 99):
        for first in (1, 48, 50, 100):
            size, memory = first, hpa.Memory()
            table.steps["code"] = [(15.0 * tick, first) for tick in range(8)]
            for tick in range(8, 18):
                table.steps["code"].append((15.0 * tick, goal))
                table.published["code"] = PublishedTarget("code", goal, 1.0)
                proposal = hpa.average_value(ask(stub, pool="code", tolerance="0.1"), metric.TARGET_SIZE, size, rules)
                size, memory = hpa.settle(proposal, size, 15.0 * tick, memory, rules)
            assert size == goal


def test_idle_is_inactive_until_work_comes(table: Table, stub: service.ExternalScalerStub) -> None:
    assert stub.IsActive(ref(pool="idle"), timeout=5).result is False
    table.busy.add("idle")
    assert stub.IsActive(ref(pool="idle"), timeout=5).result is True
    assert ask(stub, pool="idle") == 1.0


def test_the_first_task_is_pushed_within_a_second(table: Table, stub: service.ExternalScalerStub) -> None:
    stream = stub.StreamIsActive(ref(pool="idle"), timeout=20)
    assert next(stream).result is False
    came = time.monotonic()
    table.busy.add("idle")
    assert next(stream).result is True
    assert time.monotonic() - came < 1.0
    table.busy.clear()
    assert next(stream).result is False
    stream.cancel()


def test_a_stale_target_is_unavailable_and_never_zero(table: Table, stub: service.ExternalScalerStub) -> None:
    for age in (61.0, -61.0):
        table.published["code"] = replace(table.published["code"], age_seconds=age)
        error = refusal(lambda: ask(stub, pool="code"))
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        assert "s old, over 60 s" in error.details()
        assert refusal(lambda: stub.IsActive(ref(pool="code"), timeout=5)).code() == grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("trouble", ["stale", "gone", "forgotten"])
def test_a_stream_outlives_trouble_and_pushes_at_once_when_it_is_over(
    table: Table, stub: service.ExternalScalerStub, trouble: str
) -> None:
    stream, healthy = stub.StreamIsActive(ref(pool="idle"), timeout=30), dict(table.published)
    assert next(stream).result is False
    match trouble:
        case "stale":
            table.published["idle"] = replace(table.published["idle"], age_seconds=300.0)
        case "gone":
            table.gone = True
        case "forgotten":
            table.published = {}
    error = refusal(lambda: stub.IsActive(ref(pool="idle"), timeout=5))
    assert error.code() == grpc.StatusCode.UNAVAILABLE
    assert refusal(lambda: next(stub.StreamIsActive(ref(pool="idle"), timeout=5))).code() == error.code()
    table.published, table.gone = healthy, False
    came = time.monotonic()
    table.busy.add("idle")
    assert next(stream).result is True
    assert time.monotonic() - came < 1.0
    stream.cancel()


def test_a_pool_that_is_no_more_ends_its_stream(table: Table, stub: service.ExternalScalerStub) -> None:
    stream = stub.StreamIsActive(ref(pool="idle"), timeout=20)
    assert next(stream).result is False
    del table.published["idle"]
    assert refusal(lambda: next(stream)).code() == grpc.StatusCode.NOT_FOUND


def test_a_server_that_stops_ends_its_streams_in_order(table: Table, serve: Servers) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{serve()}") as channel:
        stub = service.ExternalScalerStub(channel)
        streams = [stub.StreamIsActive(ref(pool=pool), timeout=20) for pool in ("code", "idle")]
        specs = stub.StreamMetricSpec(ref(pool="code"), timeout=20)
        assert [next(stream).result for stream in streams] == [True, False]
        assert next(specs).metricSpecs[0].metricName == metric.METRIC_NAME
        serve.stop()
        for stream in (*streams, specs):
            assert list(stream) == []
            assert stream.code() == grpc.StatusCode.OK


@pytest.mark.parametrize("trouble", ["gone", "forgotten"])
def test_what_the_metric_is_called_is_known_without_the_store(
    table: Table, stub: service.ExternalScalerStub, trouble: str
) -> None:
    table.gone, table.published = trouble == "gone", {}
    assert stub.GetMetricSpec(ref(pool="code"), timeout=5).metricSpecs[0].targetSizeFloat == 1.0
    error = refusal(lambda: ask(stub, pool="code"))
    assert error.code() == grpc.StatusCode.UNAVAILABLE
    assert "does not answer" in error.details() or "no target has been published yet" in error.details()
    assert refusal(lambda: stub.GetMetricSpec(ref(), timeout=5)).code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_port_that_is_taken_is_an_error(table: Table, serve: Servers) -> None:
    with pytest.raises(ConfigurationError, match="cannot listen on"):
        asyncio.run(start(table, "main", f"127.0.0.1:{serve()}", 60.0))


@pytest.mark.parametrize(
    ("metadata", "code", "says"),
    [
        ({}, "INVALID_ARGUMENT", "fleet/code: metadata has no 'pool'"),
        ({"pool": "code", "pol": "x"}, "INVALID_ARGUMENT", "unknown metadata 'pol'"),
        ({"pool": "code", "tolerance": "wide"}, "INVALID_ARGUMENT", "tolerance is 'wide'"),
        ({"pool": "code", "tolerance": "0.9"}, "INVALID_ARGUMENT", "from 0 to below 0.5"),
        ({"pool": "cod"}, "NOT_FOUND", "did you mean 'code'?"),
        ({"pool": "code", "cell": "other"}, "NOT_FOUND", "unknown cell 'other'"),
    ],
)
def test_bad_metadata_is_refused_everywhere(
    stub: service.ExternalScalerStub, metadata: dict[str, str], code: str, says: str
) -> None:
    calls: list[Callable[[], object]] = [
        lambda: stub.IsActive(ref(**metadata), timeout=5),
        lambda: stub.GetMetricSpec(ref(**metadata), timeout=5),
        lambda: ask(stub, **metadata),
        lambda: next(stub.StreamIsActive(ref(**metadata), timeout=5)),
    ]
    for call in calls:
        error = refusal(call)
        assert error.code().name == code
        assert says in error.details()


def test_an_unknown_metric_is_not_found(stub: service.ExternalScalerStub) -> None:
    asked = messages.GetMetricsRequest(scaledObjectRef=ref(pool="code"), metricName="s0-cpu")
    assert refusal(lambda: stub.GetMetrics(asked, timeout=5)).code() == grpc.StatusCode.NOT_FOUND
    asked.metricName = f"my-{metric.METRIC_NAME}"
    assert refusal(lambda: stub.GetMetrics(asked, timeout=5)).code() == grpc.StatusCode.NOT_FOUND


def test_the_health_service_answers(serve: Servers) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{serve()}") as channel:
        for name in ("", SERVICE):
            asked = health_pb2.HealthCheckRequest(service=name)
            assert health_pb2_grpc.HealthStub(channel).Check(asked, timeout=5).status == 1


def test_many_streams_share_one_look(table: Table, stub: service.ExternalScalerStub) -> None:
    streams = [stub.StreamIsActive(ref(pool="idle"), timeout=20) for _ in range(50)]
    assert not any(next(stream).result for stream in streams)
    table.busy.add("idle")
    assert all(next(stream).result for stream in streams)
    for stream in streams:
        stream.cancel()
