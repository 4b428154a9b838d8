"""Is a wrong value refused before anything is created, with its path and what to do?"""

from __future__ import annotations

from typing import Any

import pytest
from rendering import Case, refusal

REFUSED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "unknown value": ({"gatway": {}}, ("additional properties 'gatway' not allowed",)),
    "unknown nested value": ({"redis.password": "x"}, ("at '/redis'", "'password' not allowed")),
    "wrong type": ({"gateway.replicas": "three"}, ("at '/gateway/replicas'", "want integer")),
    "wrong digest": ({"image.digest": "sha256:123"}, ("at '/image/digest'", "does not match pattern")),
    "wrong choice": ({"autoscaling.trigger": "cron"}, ("at '/autoscaling/trigger'", "external-push")),
    "pool without agent type": (
        {"pools.extra": {"image": {"repository": "x"}}},
        ("at '/pools/extra'", "missing property 'agentType'"),
    ),
    "two pools with one queue": (
        {"pools.extra": {"agentType": "code_generator", "queue": "fleet.code_generator", "image": {"repository": "x"}}},
        ('pools.extra.queue: queue "fleet.code_generator" already belongs to pool "code_generator"',),
    ),
    "two pools with one name": (
        {"pools.code-generator": {"agentType": "code_generator", "image": {"repository": "x"}}},
        ('would be called "worker-code-generator"',),
    ),
    "pool without image": (
        {"pools.extra": {"agentType": "code_generator"}},
        ("pools.extra.image.repository: a pool needs the image",),
    ),
    "min above max": (
        {"pools.code_generator.minReplicas": 9},
        ("pools.code_generator: minReplicas 9 is above maxReplicas 8",),
    ),
    "pool unknown to the catalogue": (
        {"catalogue": {"defaults": False, "pools": {"other": {}}}},
        ("pools.code_generator: the catalogue declares no such pool",),
    ),
    "no broker": ({"redis.enabled": False}, ("broker: no Redis is named. Set broker.existingSecret.name",)),
    "two brokers": ({"broker.url": "redis://x:6379/0"}, ("redis.enabled=true and an external broker are both set",)),
    "missing passwords": (
        {"generateSecrets": False},
        (
            "2 value(s) need attention",
            "redis.auth.existingSecret.name: name a Secret with the keys fleet, replica, probe, producer and one per program",
            "flower.basicAuth.existingSecret.name",
        ),
    ),
    "replicas of a forgetful primary": (
        {"redis.persistence.enabled": False},
        ("redis.replicas needs redis.persistence.enabled=true",),
    ),
    "vault without address": ({"vault.enabled": True}, ("vault.url: vault.enabled=true needs the address",)),
    "one volume for two": (
        {"maintenance.replicas": 2},
        ("maintenance.replicas: more than one needs maintenance.persistence.enabled=false",),
    ),
    "push without scaler": ({"scaler.enabled": False}, ("scaler.enabled=false: then set autoscaling.trigger=redis",)),
    "KEDA's certificate for a scaler without one": (
        {"scaler.tls.kedaSecret": "keda-tls"},
        ("scaler.tls.secret: scaler.tls.kedaSecret is what KEDA shows",),
    ),
    "a cell that is none of the fleet's": (
        {"cells": {"east": {}, "west": {"secret": "west"}}},
        ('cells: this release is cell "main", which is not among east, west', "cells.east.secret: name a Secret"),
    ),
    "ingress without host": (
        {"gateway.ingress.enabled": True},
        ("gateway.ingress.host: an ingress needs a host name",),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_path_and_the_remedy(name: str) -> None:
    values, expected = REFUSED[name]
    message = refusal(Case(name, values=values))
    for part in expected:
        assert part in message, message


def test_all_problems_are_told_at_once() -> None:
    message = refusal(
        Case(
            "many",
            values={
                "redis.enabled": False,
                "vault.enabled": True,
                "scaler.enabled": False,
                "pools.extra": {"agentType": "x"},
            },
        )
    )
    assert "4 value(s) need attention" in message, message
