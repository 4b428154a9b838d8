"""What may each agent type do in Vault, and how does that come to be?

Least privilege, written down by a program: an agent type reads its own folder, uses its own transit key, and nothing
else. `plan` is pure; `apply` writes what differs and says what it changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from hvac import exceptions as refused

from fleet.secrets.envelope import FLEET_KEY, SHARED_KEY
from fleet.secrets.vault_login import VaultSession

OPERATOR = "fleet-operator"


@dataclass(frozen=True, slots=True)
class Policy:
    """A named set of paths with what may be done there."""

    name: str
    rules: tuple[tuple[str, tuple[str, ...]], ...]
    transit_keys: tuple[str, ...]

    def text(self) -> str:
        """Return the policy as the server wants it (JSON is valid HCL input)."""
        paths = {path: {"capabilities": list(capabilities)} for path, capabilities in self.rules}
        return json.dumps({"path": paths}, indent=2)


@dataclass(frozen=True, slots=True)
class AppliedRole:
    """An AppRole as it stands on the server after `apply`."""

    agent_type: str
    role_id: str
    changed: tuple[str, ...]


def agent_policy(agent_type: str, mount: str = "fleet", transit: str = "transit") -> Policy:
    """Return the policy of an agent type: read its own folder and what all may read, with the keys of just these."""
    key = f"agent-{agent_type}"
    return Policy(
        f"fleet-{key}",
        (
            (f"{mount}/data/agents/{agent_type}/*", ("read",)),
            (f"{mount}/metadata/agents/{agent_type}/*", ("read", "list")),
            (f"{mount}/data/shared/*", ("read",)),
            (f"{transit}/decrypt/{key}", ("update",)),
            (f"{transit}/decrypt/{SHARED_KEY}", ("update",)),
        ),
        (key, SHARED_KEY),
    )


def operator_policy(mount: str = "fleet", transit: str = "transit") -> Policy:
    """Return the policy of whoever writes and rotates: every fleet secret, sealing included."""
    everything = ("create", "read", "update", "delete", "list")
    return Policy(
        OPERATOR,
        (
            (f"{mount}/data/*", everything),
            (f"{mount}/metadata/*", everything),
            (f"{mount}/destroy/*", ("update",)),
            (f"{transit}/datakey/plaintext/*", ("update",)),
            (f"{transit}/decrypt/*", ("update",)),
            (f"{transit}/rewrap/*", ("update",)),
            ("database/creds/*", ("read",)),
        ),
        (FLEET_KEY, SHARED_KEY),
    )


def producer_policy(mount: str = "fleet", transit: str = "transit") -> Policy:
    """Return the policy of whoever publishes tasks: read the signing key."""
    return Policy(
        "fleet-producer",
        ((f"{mount}/data/fleet/signing", ("read",)), (f"{transit}/decrypt/{FLEET_KEY}", ("update",))),
        (FLEET_KEY,),
    )


def plan(agent_types: Iterable[str], mount: str = "fleet", transit: str = "transit") -> tuple[Policy, ...]:
    """Return every policy a fleet with these agent types needs."""
    agents = (agent_policy(name, mount, transit) for name in sorted(set(agent_types)))
    return (operator_policy(mount, transit), producer_policy(mount, transit), *agents)


def apply(
    session: VaultSession,
    agent_types: Iterable[str],
    *,
    mount: str = "fleet",
    transit: str = "transit",
    token_ttl: str = "1h",
) -> tuple[AppliedRole, ...]:
    """Make engines, keys, policies and one AppRole per agent type what the plan says; repeating changes nothing."""
    names = tuple(sorted(set(agent_types)))
    session.call(partial(_engines, mount=mount, transit=transit))
    changed = {
        policy.name: session.call(partial(_policy, policy=policy, transit=transit))
        for policy in plan(names, mount, transit)
    }
    applied = []
    for name in names:
        policy = agent_policy(name, mount, transit)
        role_id = session.call(partial(_role, policy=policy, token_ttl=token_ttl))
        applied.append(AppliedRole(name, role_id, changed[policy.name]))
    return tuple(applied)


def issue_secret_id(session: VaultSession, agent_type: str) -> str:
    """Return a new secret id for an agent type's AppRole; shown once, to whoever deploys it."""
    role = agent_policy(agent_type).name
    return str(session.call(lambda vault: vault.auth.approle.generate_secret_id(role))["data"]["secret_id"])


def _engines(vault: Any, mount: str, transit: str) -> None:
    mounted = vault.sys.list_mounted_secrets_engines()["data"]
    if f"{mount}/" not in mounted:
        vault.sys.enable_secrets_engine("kv", path=mount, options={"version": "2"})
    if f"{transit}/" not in mounted:
        vault.sys.enable_secrets_engine("transit", path=transit)
    if "approle/" not in vault.sys.list_auth_methods()["data"]:
        vault.sys.enable_auth_method("approle")


def _policy(vault: Any, policy: Policy, transit: str) -> tuple[str, ...]:
    changed: list[str] = []
    try:
        live = vault.sys.read_policy(policy.name)["data"]["rules"]
    except refused.InvalidPath:
        live = ""
    if live != policy.text():
        vault.sys.create_or_update_policy(policy.name, policy.text())
        changed.append("policy")
    for key in policy.transit_keys:
        try:
            vault.secrets.transit.read_key(key, mount_point=transit)
        except refused.InvalidPath:
            vault.secrets.transit.create_key(key, mount_point=transit)
            changed.append(f"transit key {key}")
    return tuple(changed)


def _role(vault: Any, policy: Policy, token_ttl: str) -> str:
    vault.auth.approle.create_or_update_approle(
        policy.name, token_policies=[policy.name], token_ttl=token_ttl, token_no_default_policy=False
    )
    return str(vault.auth.approle.read_role_id(policy.name)["data"]["role_id"])
