"""Does nothing go to zero by mistake when the store dies, forgets, or its clock steps: on real processes?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import redis
from eventually import eventually

from fleet import catalogue, settings
from fleet.scaling import metric
from fleet.scaling.proto import externalscaler_pb2 as messages
from fleet.scaling.proto import externalscaler_pb2_grpc as service
from fleet.scaling.refresh import refresh
from fleet.settings import ScalingSettings
from fleet.store import keys
from fleet.store.client import connect, forget
from fleet.supervisor import local_scaler, valkey

CELL = "trouble"
POOL = "code_generator"


@dataclass
class Fleet:
    """A store of its own, which may die, and a scaler program that reads it."""

    state: Path
    broker: valkey.Broker
    stub: service.ExternalScalerStub

    @property
    def client(self) -> redis.Redis:
        return connect(self.broker.url)

    def publish(self, replicas: int, age: float = 0.0) -> None:
        refresh(self.client, CELL, catalogue.current(), ScalingSettings())
        recorded = json.loads(self.client.hget(keys.targets(CELL), POOL) or "{}")
        recorded |= {"replicas": replicas, "computed_at": recorded["computed_at"] - age}
        self.client.hset(keys.targets(CELL), POOL, json.dumps(recorded))

    def kill_store(self) -> None:
        self.broker.process.kill()
        self.broker.process.wait()

    def restart_store(self) -> None:
        forget()
        self.broker = valkey.start(self.state, self.broker.port)

    def value(self) -> float:
        asked = messages.GetMetricsRequest(scaledObjectRef=ref(), metricName=metric.METRIC_NAME)
        return float(self.stub.GetMetrics(asked, timeout=20).metricValues[0].metricValueFloat)

    def refused(self) -> bool:
        """Whether both polls say that they do not know."""
        codes = []
        for call in (self.value, lambda: self.stub.IsActive(ref(), timeout=20)):
            try:
                call()
            except grpc.RpcError as error:
                codes.append(error.code())
        return codes == [grpc.StatusCode.UNAVAILABLE] * 2


def ref() -> messages.ScaledObjectRef:
    return messages.ScaledObjectRef(name=POOL, namespace="fleet", scalerMetadata={"pool": POOL, "cell": CELL})


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    broker = valkey.start(tmp_path)
    monkeypatch.setenv("FLEET_BROKER__URL", broker.url)
    monkeypatch.setenv("FLEET_CELL", CELL)
    monkeypatch.setenv("FLEET_STATE_DIR", str(tmp_path))
    settings.load.cache_clear()
    arguments = [sys.executable, "-m", "fleet.cli.main", "scaler", "--listen", "127.0.0.1:0", "--json"]
    with subprocess.Popen(arguments, env=dict(os.environ), stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        port = json.loads(program.stdout.readline())["port"]
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            fleet = Fleet(tmp_path, broker, service.ExternalScalerStub(channel))
            yield fleet
        program.terminate()
    fleet.kill_store()
    forget()
    monkeypatch.undo()
    settings.load.cache_clear()


def test_a_store_that_dies_and_comes_back_costs_no_replica_and_no_push(fleet: Fleet) -> None:
    fleet.publish(0)
    stream = fleet.stub.StreamIsActive(ref(), timeout=90)
    assert next(stream).result is False
    fleet.kill_store()
    assert eventually(fleet.refused, timeout=30)
    fleet.restart_store()
    assert eventually(lambda: not fleet.refused(), timeout=30)
    came = time.monotonic()
    fleet.client.hset(f"{keys.prefix(CELL)}inflight", POOL, 1)
    assert next(stream).result is True
    assert time.monotonic() - came < 1.0
    stream.cancel()


def test_a_store_that_forgot_everything_is_not_zero(fleet: Fleet) -> None:
    fleet.publish(6)
    assert fleet.value() == 6.0
    stream = fleet.stub.StreamIsActive(ref(), timeout=60)
    assert next(stream).result is True
    fleet.client.flushall()
    assert fleet.refused()
    fleet.publish(4)
    assert fleet.value() == 4.0
    stream.cancel()
    with pytest.raises(grpc.RpcError):
        next(stream)


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_a_clock_that_steps_makes_targets_stale_and_the_next_tick_heals(fleet: Fleet, step: float) -> None:
    fleet.publish(6, age=step)
    assert fleet.refused()
    assert local_scaler.wanted({POOL: 6})[POOL] == 6
    fleet.client.delete(keys.scaling_states(CELL))
    fleet.publish(3)
    assert fleet.value() == 3.0
    assert local_scaler.wanted({POOL: 6})[POOL] == 3


def test_without_a_target_the_local_fleet_keeps_what_is_up_and_starts_the_minimum(fleet: Fleet) -> None:
    fleet.client.flushall()
    assert local_scaler.wanted({POOL: 5})[POOL] == 5
    assert local_scaler.wanted({})[POOL] == catalogue.current().pools[POOL].min_replicas
