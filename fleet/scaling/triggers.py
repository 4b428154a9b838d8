"""How is KEDA told where to ask for a pool's target?

Two ways. `push` is the gRPC scaler, which also wakes a pool at zero within a second. `metrics_api` is the gateway's HTTP
endpoint, for clusters whose KEDA may speak HTTP only: it is asked at KEDA's pace, so a pool at zero waits for the next poll.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fleet.scaling import metric

GROUP_VERSION = "keda.sh/v1alpha1"
Way = Literal["external-push", "metrics-api"]
Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom KEDA asks, and what it shows."""

    way: Way = "external-push"
    address: str = "scaler.fleet.svc:9090"
    """host:port of the scaler, or the gateway's base URL."""
    cell: str = "main"
    tls: bool = False
    secret: str | None = None
    """Secret with ca.crt, tls.crt and tls.key for the scaler, or with an API key `key` for the gateway."""


def trigger(pool: str, tolerance: float, asking: Asking) -> Manifest:
    """Return the trigger that follows a pool's target."""
    built = _metrics_api(pool, tolerance, asking) if asking.way == "metrics-api" else _push(pool, tolerance, asking)
    if asking.secret:
        built["authenticationRef"] = {"name": authentication_name(asking)}
    return built


def authentication_name(asking: Asking) -> str:
    return "fleet-gateway" if asking.way == "metrics-api" else "fleet-scaler"


def authentication(namespace: str, asking: Asking) -> Manifest | None:
    """Return the TriggerAuthentication that reads the Secret; None where nothing is shown."""
    if not asking.secret:
        return None
    if asking.way == "metrics-api":
        read: Mapping[str, str] = {"token": "key"}
    else:
        read = {"caCert": "ca.crt", "tlsClientCert": "tls.crt", "tlsClientKey": "tls.key"}  # pragma: allowlist secret
    return {
        "apiVersion": GROUP_VERSION,
        "kind": "TriggerAuthentication",
        "metadata": {
            "name": authentication_name(asking),
            "namespace": namespace,
            "labels": {"app.kubernetes.io/part-of": "agent-fleet"},
        },
        "spec": {"secretTargetRef": [{"parameter": p, "name": asking.secret, "key": key} for p, key in read.items()]},
    }


def _push(pool: str, tolerance: float, asking: Asking) -> Manifest:
    metadata = {"scalerAddress": asking.address, "pool": pool, "cell": asking.cell}
    if asking.tls or asking.secret:
        metadata["enableTLS"] = "true"
    if tolerance > 0.0:
        metadata["tolerance"] = f"{tolerance:g}"
    return {"type": "external-push", "metricType": "AverageValue", "metadata": metadata}


def _metrics_api(pool: str, tolerance: float, asking: Asking) -> Manifest:
    query = f"?tolerance={tolerance:g}" if tolerance > 0.0 else ""
    metadata = {
        "url": f"{asking.address.rstrip('/')}/api/v1/pools/{pool}/metric{query}",
        "valueLocation": "value",
        "targetValue": f"{metric.TARGET_SIZE:g}",
    }
    if asking.secret:
        metadata["authMode"] = "bearer"
    return {"type": "metrics-api", "metricType": "AverageValue", "metadata": metadata}
