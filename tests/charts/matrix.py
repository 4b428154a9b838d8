"""Which renderings are judged? Every values file, with every feature switched the other way, on old and new clusters."""

from __future__ import annotations

from typing import Any

from rendering import OPTIONAL_APIS, Case

# Each switch moves one feature away from its default; some need a companion to make sense.
SWITCHES: dict[str, dict[str, Any]] = {
    "no-gateway": {"gateway.enabled": False},
    "no-gateway-autoscaler": {"gateway.autoscaling.enabled": False},
    "queue-metric-always": {"gateway.autoscaling.queueLength.render": "always"},
    "ingress": {
        "gateway.ingress.enabled": True,
        "gateway.ingress.host": "fleet.example.com",
        "gateway.ingress.tlsSecret": "fleet-tls",
        "gateway.ingress.className": "nginx",
    },
    "http-route": {
        "gateway.httpRoute.enabled": True,
        "gateway.httpRoute.parentRefs": [{"name": "public"}],
        "gateway.httpRoute.hostnames": ["fleet.example.com"],
    },
    "no-scaler": {
        "scaler.enabled": False,
        "autoscaling.trigger": "redis",
        "autoscaling.redis.address": "redis.example.com:6379",
    },
    "scaler-tls": {"scaler.tls.secret": "scaler-tls"},
    "scaler-mutual-tls": {"scaler.tls.secret": "scaler-tls", "scaler.tls.kedaSecret": "keda-tls"},
    "no-autoscaling": {"autoscaling.enabled": False},
    "keda-never": {"autoscaling.render": "never"},
    "no-fallback": {"autoscaling.fallback.enabled": False},
    "open-band": {"autoscaling.tolerance": "cluster"},
    "no-beat": {"beat.enabled": False},
    "no-flower": {"flower.enabled": False},
    "flower-outside": {"flower.behindIngress": True},
    "no-metrics": {"metrics.enabled": False},
    "no-maintenance": {"maintenance.enabled": False},
    "maintenance-claim": {
        "maintenance.persistence.enabled": True,
        "maintenance.persistence.existingClaim": "ledger",
        "maintenance.replicas": 1,
    },
    "no-pools": {"pools": None},
    "one-pool-off": {"pools.security_scanner.enabled": False},
    "canary": {
        "pools.code_generator@v2": {
            "agentType": "code_generator",
            "image": {"repository": "agent-fleet-code-generator", "tag": "v2"},
        }
    },
    "track-green": {"track": "green"},
    "catalogue": {"catalogue": {"pools": {"code_generator": {"slots": 3}}}},
    "settings": {
        "settings": {
            "dispatch": {"strategy": "round_robin", "max_payload_bytes": 2097152},
            "agents": {"allowed_targets": ["10.0.0.0/8", "a:1"]},
        }
    },
    "cells": {"cells": {"main": {"weight": 2}, "west-1": {"secret": "west", "storeUrlKey": "store"}}},
    "vault": {"vault.enabled": True, "vault.url": "https://vault.vault.svc:8200"},
    "vault-approle": {
        "vault.enabled": True,
        "vault.url": "https://vault.vault.svc:8200",
        "vault.auth": "approle",
        "envFromSecrets": ["fleet-vault"],
    },
    "external-secrets": {
        "externalSecrets.enabled": True,
        "externalSecrets.secrets": [
            {"name": "fleet-broker", "keys": {"url": {"key": "fleet/broker", "property": "url"}}}
        ],
    },
    "otlp": {"monitoring.otlp.endpoint": "http://otel:4318"},
    "no-monitors": {
        "monitoring.serviceMonitors.enabled": False,
        "monitoring.rules.enabled": False,
        "monitoring.dashboards.enabled": False,
    },
    "no-network-policy": {"networkPolicy.enabled": False},
    "istio": {"istio.enabled": True, "istio.permissivePorts": {"scaler": [9090]}, "istio.principals.keda": []},
    "virtual-service": {
        "istio.enabled": True,
        "istio.virtualService": {"enabled": True, "hosts": ["fleet.example.com"], "gateways": ["istio-system/public"]},
    },
    "no-rbac": {"rbac.create": False},
    "secret-mirror": {"rbac.secretMirror": True},
    "reports-see-more": {"rbac.nodes": True, "rbac.secretAges": True},
    "namespace": {"namespace.manage": True},
    "no-pdb": {"podDisruptionBudgets.enabled": False},
    "no-priority": {"priorityClasses.create": False},
    "no-spread": {"topologySpread.enabled": False},
    "no-tests": {"tests.enabled": False},
    "accounts-exist": {
        "gateway.serviceAccount.create": False,
        "gateway.serviceAccount.name": "mine",
        "poolDefaults.serviceAccount.create": False,
    },
}
# Redis is bundled only in the default values.
BUNDLED: dict[str, dict[str, Any]] = {
    "redis-alone": {"redis.replicas": 0},
    "redis-memory": {"redis.replicas": 0, "redis.persistence.enabled": False},
    "redis-own-secret": {
        "redis.auth.existingSecret.name": "mine",
        "generateSecrets": False,
        "flower.basicAuth.existingSecret.name": "flower",
    },
    "redis-trigger": {"scaler.enabled": False, "autoscaling.trigger": "redis"},
    "external-url": {"redis.enabled": False, "broker.url": "rediss://user:secret@redis.example.com:6379/0"},
    "external-secret": {
        "redis.enabled": False,
        "broker.existingSecret.name": "fleet-broker",
        "broker.storeUrlKey": "store",
        "broker.caSecret": "ca",
        "ledger.existingSecret.name": "ledger",
    },
    "external-logins": {
        "redis.enabled": False,
        "broker.existingSecret.name": "fleet-broker",
        "broker.programs": {"gateway": {"key": "gateway"}, "worker": {"key": "worker", "storeUrlKey": "store"}},
    },
}

PLAIN = Case("values.yaml")
EVERYTHING = Case(
    "everything",
    values={
        key: value
        for name in (
            "ingress",
            "http-route",
            "vault",
            "otlp",
            "istio",
            "virtual-service",
            "secret-mirror",
            "reports-see-more",
            "namespace",
            "canary",
            "external-secrets",
            "queue-metric-always",
            "catalogue",
        )
        for key, value in SWITCHES[name].items()
    },
)


def files() -> list[Case]:
    """Every values file as it is."""
    return [
        PLAIN,
        *(Case(f"values-{name}.yaml", (f"values-{name}.yaml",)) for name in ("staging", "production", "traffic")),
    ]


def switched() -> list[Case]:
    """Every values file with every switch."""
    cases = []
    for base in files():
        for name, values in (SWITCHES | (BUNDLED if base is PLAIN else {})).items():
            cases.append(Case(f"{base.name}+{name}", base.files, _fitting(base, name, values)))
    return cases


def _fitting(base: Case, name: str, values: dict[str, Any]) -> dict[str, Any]:
    if base is PLAIN and name == "no-scaler":
        return {key: value for key, value in values.items() if key != "autoscaling.redis.address"}
    if base.name == "values-traffic.yaml" and name == "one-pool-off":
        return {"pools.security_scanner": {"enabled": False, "agentType": "security_scanner"}}
    return values


def bare() -> list[Case]:
    """Every values file on a cluster with no optional API, and on one with KEDA only."""
    return [
        Case(f"{base.name} on {label}", base.files, base.values, apis)
        for base in files()
        for label, apis in (("nothing", ()), ("keda", OPTIONAL_APIS[:1]))
    ]
