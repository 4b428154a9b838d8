"""How old are the Kubernetes Secrets of our namespace?

Only their metadata is asked for: what they hold never comes here. Kubernetes knows no right to that alone, so who may list
Secrets may read them; the chart gives it when asked to (`rbac.secretAges`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from fleet.secrets.age import Age, judge, oldest_first
from fleet.secrets.errors import BackendUnavailable
from fleet.settings import Settings

METADATA_ONLY = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
HELMS_OWN = "sh.helm.release."
TIMEOUT_SECONDS = 5.0


def read(api: Any, namespace: str, settings: Settings, now: datetime) -> tuple[Age, ...]:
    """Ask the API and judge; raises `BackendUnavailable` where it does not answer, or not to us."""
    from kubernetes.client import CoreV1Api
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    core: Any = CoreV1Api(api)
    try:
        found = core.list_namespaced_secret(namespace, _headers={"Accept": METADATA_ONLY}, _request_timeout=TIMEOUT_SECONDS)
    except ApiException as error:
        why = f"Secrets of namespace {namespace}: {error.status} {error.reason}; the chart's rbac.secretAges allows it"
        raise BackendUnavailable(why) from error
    except HTTPError as error:
        raise BackendUnavailable(f"the Kubernetes API does not answer: {type(error).__name__}") from error
    metadata = (row.metadata for row in found.items)
    written = {
        row.name: [row.creation_timestamp, *(one.time for one in row.managed_fields or () if one.time)] for row in metadata
    }
    return judged(written, now, settings.secrets.warn_days, settings.secrets.critical_days)


def judged(written: Mapping[str, Sequence[datetime]], now: datetime, warn_days: int, critical_days: int) -> tuple[Age, ...]:
    """Return each Secret's age since somebody last wrote it, oldest first; Helm's own records are none of ours. Pure."""
    return oldest_first(
        judge(f"Kubernetes Secret {name}", 0, max(times), now, warn_days, critical_days)
        for name, times in written.items()
        if not name.startswith(HELMS_OWN)
    )
