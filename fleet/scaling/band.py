"""How wide is the band in which a cluster's HPA ignores its metric, and can a ScaledObject close it?

It can where the HPA takes a tolerance of its own (beta in Kubernetes 1.35) and KEDA's ScaledObject passes it on (KEDA 2.18:
an older one has no such field). Elsewhere the usual 10 % stand, and the scaler steps over them, which is right on any cluster.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from fleet.scaling.cluster import ClusterUnavailable, asked, connected

USUAL = 0.1
CLOSED_SINCE = (1, 35)
SCHEMA = "/openapi/v3/apis/keda.sh/v1alpha1"
BEHAVIOUR = ("spec", "advanced", "horizontalPodAutoscalerConfig", "behavior", "scaleUp")
TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Band:
    """The tolerance to render for, and what says so."""

    tolerance: float
    why: str


def of_cluster(api: Any | None = None) -> Band:
    """Return the band of the cluster that is configured here; the usual one where there is none to ask."""
    try:
        api = api or connected()
        version = _version(api)
        if version < CLOSED_SINCE:
            return Band(USUAL, f"Kubernetes {version[0]}.{version[1]} has no tolerance per HPA")
        if not _passed_on(api):
            return Band(USUAL, "this KEDA's ScaledObject knows no tolerance (2.18 does)")
    except ClusterUnavailable as error:
        return Band(USUAL, f"no cluster could be asked ({error})")
    return Band(0.0, f"Kubernetes {version[0]}.{version[1]} and KEDA close it")


def _version(api: Any) -> tuple[int, int]:
    from kubernetes import client

    said = asked("read the cluster's version", lambda: client.VersionApi(api).get_code(_request_timeout=TIMEOUT_SECONDS))
    # Some providers write "35+".
    numbers = [re.match(r"\d+", text or "") for text in (said.major, said.minor)]
    major, minor = (int(found[0]) if found else 0 for found in numbers)
    return major, minor


def _passed_on(api: Any) -> bool:
    """Tell whether KEDA's schema has the field; what a schema lacks the API server drops or refuses."""
    document = asked("read KEDA's schema", lambda: _read(api))
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        if name.endswith(".ScaledObject"):
            for step in BEHAVIOUR:
                schema = schema.get("properties", {}).get(step, {})
            return "tolerance" in schema.get("properties", {})
    return False


def _read(api: Any) -> Any:
    request = api.param_serialize("GET", SCHEMA, auth_settings=["BearerToken"])
    response = api.call_api(*request, _request_timeout=TIMEOUT_SECONDS)
    response.read()
    return api.response_deserialize(response, {"200": "object"}).data
