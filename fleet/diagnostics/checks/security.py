"""Is every door shut?"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from urllib.parse import urlsplit

from fleet.diagnostics.facts import Facts
from fleet.diagnostics.finding import Finding, Severity

KNOWN_PASSWORDS = frozenset({"admin", "password", "changeme", "redis", "guest", "fleet", "secret", "123456"})
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", ""})


def store_is_locked(facts: Facts) -> Iterator[Finding]:
    if facts.broker is None:
        return
    url = urlsplit(facts.settings.broker.url.get_secret_value())
    if not facts.broker.has_password:
        severity: Severity = "warning" if (url.hostname or "") in LOOPBACK else "critical"
        yield Finding(
            "security.store_password",
            severity,
            "store",
            "it asks for no password",
            "whoever reaches its port runs any task and reads every result",
            "set a password or ACL users (`fleet broker acl`) and put it into FLEET_BROKER__URL",
        )
    elif (url.password or "").lower() in KNOWN_PASSWORDS:
        yield Finding(
            "security.store_password",
            "critical",
            "store",
            "its password is one everybody tries first",
            "it is as good as none",
            "rotate it: `fleet secrets rotate`, or `openssl rand -base64 24`",
        )
    if url.scheme == "redis" and (url.hostname or "") not in LOOPBACK and not _is_cluster_local(url.hostname or ""):
        yield Finding(
            "security.store_tls",
            "warning",
            "store",
            f"{url.hostname} is spoken to without TLS",
            "payloads and the password can be read on the way",
            "use rediss://, or a mesh with mutual TLS",
        )


def flower_is_locked(facts: Facts) -> Iterator[Finding]:
    environment = facts.environment
    if environment.get("FLOWER_UNAUTHENTICATED_API", "").lower() in ("1", "true", "yes"):
        yield Finding(
            "security.flower",
            "critical",
            "flower",
            "FLOWER_UNAUTHENTICATED_API is set",
            "anybody may run, revoke and read tasks through Flower",
            "unset it; set FLOWER_BASIC_AUTH or an auth provider",
        )
    user, _, password = environment.get("FLOWER_BASIC_AUTH", "").partition(":")
    if user and password.lower() in KNOWN_PASSWORDS:
        yield Finding(
            "security.flower",
            "critical",
            "flower",
            f"user {user} has a password everybody tries first",
            "Flower is open",
            "change FLOWER_BASIC_AUTH",
        )


def secrets_are_young(facts: Facts) -> Iterator[Finding]:
    for age in facts.secret_ages or ():
        if age.verdict != "fresh":
            yield Finding(
                "security.secret_age",
                "critical" if age.verdict == "critical" else "warning",
                age.path,
                age.reason,
                "a key that leaked unnoticed is still good",
                f"`fleet secrets rotate {age.path}` (no restart, no failed task)",
            )


def targets_are_narrow(facts: Facts) -> Iterator[Finding]:
    for entry in facts.settings.agents.allowed_targets:
        try:
            wide = ip_network(entry, strict=False).prefixlen < 8
        except ValueError:
            wide = entry.strip() in ("*", "*.*")
        if wide:
            yield Finding(
                "security.targets",
                "critical",
                "agents.allowed_targets",
                f"{entry!r} allows nearly every address",
                "a task may load-test somebody else's server",
                "name the hosts and ports that may be loaded",
            )
    for root in facts.settings.agents.allowed_roots:
        if str(root) in ("/", "/etc", "/root", "/home"):
            yield Finding(
                "security.roots",
                "critical",
                "agents.allowed_roots",
                f"{root} may be scanned",
                "scan results show its contents",
                "allow source folders only",
            )


def network_is_closed(facts: Facts) -> Iterator[Finding]:
    if facts.cluster and facts.cluster.network_policies == ():
        yield Finding(
            "security.network_policies",
            "critical",
            facts.cluster.namespace,
            "the namespace has no NetworkPolicy",
            "every pod of the cluster reaches broker and workers",
            "install the chart with networkPolicy.enabled=true",
        )


def _is_cluster_local(host: str) -> bool:
    return host.endswith(".svc") or ".svc." in host or "." not in host


CHECKS = (store_is_locked, flower_is_locked, secrets_are_young, targets_are_narrow, network_is_closed)
