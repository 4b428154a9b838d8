"""Does the scaler program serve from the store, refuse when the store is silent, and end when told?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import redis
from eventually import eventually

from fleet import catalogue
from fleet.scaling import metric
from fleet.scaling.proto import externalscaler_pb2 as messages
from fleet.scaling.proto import externalscaler_pb2_grpc as service
from fleet.scaling.refresh import refresh
from fleet.settings import ScalingSettings
from fleet.store import keys

CELL = "scaler-program"
P = keys.prefix(CELL)
PROGRAM = "from fleet.cli.scaler import scaler; scaler()"


@pytest.fixture
def program(store: redis.Redis, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    refresh(store, CELL, catalogue.current(), ScalingSettings())
    environment = os.environ | {"FLEET_CELL": CELL, "FLEET_STATE_DIR": str(tmp_path)}
    arguments = [sys.executable, "-c", PROGRAM, "--listen", "127.0.0.1:0", "--json"]
    running = subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    yield running, json.loads(running.stdout.readline())["port"]
    running.kill()
    running.wait()
    running.stdout.close()


def ref(pool: str) -> messages.ScaledObjectRef:
    return messages.ScaledObjectRef(name=pool, namespace="fleet", scalerMetadata={"pool": pool, "cell": CELL})


def test_targets_pushes_and_refusals_end_to_end(store: redis.Redis, program: tuple[subprocess.Popen[str], int]) -> None:
    running, port = program
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = service.ExternalScalerStub(channel)
        asked = messages.GetMetricsRequest(scaledObjectRef=ref("code_generator"), metricName=metric.METRIC_NAME)
        assert stub.GetMetrics(asked, timeout=10).metricValues[0].metricValueFloat == 1.0

        recorded = json.loads(store.hget(keys.targets(CELL), "code_generator") or "{}")
        store.hset(keys.targets(CELL), "code_generator", json.dumps(recorded | {"replicas": 0}))
        stream = stub.StreamIsActive(ref("code_generator"), timeout=30)
        assert next(stream).result is False
        came = time.monotonic()
        store.hset(f"{P}inflight", "code_generator", 1)
        assert next(stream).result is True
        assert time.monotonic() - came < 1.0
        stream.cancel()

        stale = recorded | {"computed_at": recorded["computed_at"] - 3600.0}
        store.hset(keys.targets(CELL), "code_generator", json.dumps(stale))
        with pytest.raises(grpc.RpcError) as caught:
            stub.GetMetrics(asked, timeout=10)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    running.send_signal(signal.SIGTERM)
    assert eventually(lambda: running.poll() is not None, timeout=10)
    assert running.returncode == 0


def test_a_killed_scaler_is_replaced_without_a_trace(
    store: redis.Redis, program: tuple[subprocess.Popen[str], int], tmp_path: Path
) -> None:
    running, _ = program
    running.kill()
    running.wait()
    before = sorted(store.scan_iter())
    environment = os.environ | {"FLEET_CELL": CELL, "FLEET_STATE_DIR": str(tmp_path)}
    arguments = [sys.executable, "-c", PROGRAM, "--listen", "127.0.0.1:0", "--json"]
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True) as second:
        assert second.stdout is not None
        port = json.loads(second.stdout.readline())["port"]
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            assert service.ExternalScalerStub(channel).IsActive(ref("code_generator"), timeout=10).result is True
        second.terminate()
    assert sorted(store.scan_iter()) == before
