"""Does the scaler serve? With TLS it is asked as KEDA asks it, with the certificates mounted here."""

from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

ADDRESS = "@ADDRESS@"
CERTIFICATES = Path("/etc/fleet-scaler-tls")


def read(name):
    path = CERTIFICATES / name
    return path.read_bytes() if path.exists() else None


if authority := read("ca.crt"):
    channel = grpc.secure_channel(ADDRESS, grpc.ssl_channel_credentials(authority, read("tls.key"), read("tls.crt")))
else:
    channel = grpc.insecure_channel(ADDRESS)
with channel:
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=20)
assert answer.status == health_pb2.HealthCheckResponse.SERVING, answer
print("scaler serves")
