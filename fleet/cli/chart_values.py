"""Which chart values does a catalogue amount to?

Pools are written once, in the catalogue; the chart needs the part of them Kubernetes acts on. Plain data in and out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, SecretStr

from fleet.catalogue.declaration import Catalogue, Pool
from fleet.errors import ConfigurationError
from fleet.settings import Settings

IMAGE = re.compile(
    r"^(?:(?P<registry>localhost(?::\d+)?|[^/]+[.:][^/]*)/)?(?P<repository>[^@:]+)"
    r"(?::(?P<tag>[\w.-]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?$"
)


@dataclass(frozen=True, slots=True)
class Images:
    """Where the images of pools that name none come from: one per agent type."""

    registry: str = ""
    repository: str = "agent-fleet"
    tag: str = ""

    def of(self, pool: Pool) -> dict[str, str]:
        if pool.image:
            return parts(pool.image, f"pools.{pool.name}.image")
        named = {
            "registry": self.registry,
            "repository": f"{self.repository}-{pool.agent_type.replace('_', '-')}",
            "tag": self.tag,
        }
        return {key: value for key, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class ChartValues:
    """What goes into the values file, and what must not."""

    values: Mapping[str, Any]
    left_out: tuple[str, ...]
    """Secret settings the file holds in clear: they belong into a Secret."""


def chart_values(
    declared: Catalogue,
    file: Mapping[str, Any] | None,
    chart_pools: Iterable[str],
    images: Images,
    grace: Mapping[str, float] | None = None,
) -> ChartValues:
    """Return the values of a catalogue.

    `file` is the user's document, `chart_pools` are the rows the chart has by itself, `grace` is pool -> measured grace in
    seconds, which replaces the declared one.
    """
    pools: dict[str, Any] = {name: None for name in chart_pools if name not in declared.pools}
    pools |= {
        name: row(pool, images.of(pool), (grace or {}).get(name, pool.grace_seconds)) for name, pool in declared.pools.items()
    }
    values: dict[str, Any] = {"pools": pools}
    left_out: list[str] = []
    if file:
        document, left_out = without_secrets(file)
        values = {"catalogue": document, **values}
        if cell := (document.get("settings") or {}).get("cell"):
            values = {"cell": cell, **values}
    return ChartValues(values, tuple(left_out))


def row(pool: Pool, image: Mapping[str, str], grace_seconds: float) -> dict[str, Any]:
    """Return a pool as the chart's row."""
    found = {
        "agentType": pool.agent_type,
        "queue": pool.queue,
        "slots": pool.slots,
        "minReplicas": pool.min_replicas,
        "maxReplicas": max(1, pool.max_replicas),
        "gracePeriodSeconds": math.ceil(grace_seconds),
        "image": dict(image),
    }
    return found if pool.max_replicas > 0 else {"enabled": False, **found}


def parts(reference: str, where: str) -> dict[str, str]:
    """Split registry/repository:tag@digest."""
    match = IMAGE.match(reference)
    if match is None:
        raise ConfigurationError(
            f"{where}: {reference!r} is no image; write [registry/]repository[:tag][@sha256:digest]"
        )
    return {key: value for key, value in match.groupdict().items() if value}


def without_secrets(file: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the document less its secret settings, and their names."""
    settings = file.get("settings")
    if not isinstance(settings, Mapping):
        return dict(file), []
    kept: dict[str, Any] = {}
    left_out = []
    for group, fields in settings.items():
        secret = secret_fields(str(group))
        if secret and isinstance(fields, Mapping):
            left_out += [f"settings.{group}.{name}" for name in fields if name in secret]
            fields = {name: value for name, value in fields.items() if name not in secret}
        kept[str(group)] = fields
    return {**file, "settings": kept}, left_out


def secret_fields(group: str) -> frozenset[str]:
    """Return the fields of a settings group that are secrets."""
    field = Settings.model_fields.get(group)
    model = field.annotation if field else None
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return frozenset()
    return frozenset(
        name
        for name, of in model.model_fields.items()
        if of.annotation is SecretStr or SecretStr in get_args(of.annotation)
    )
