"""What may each agent type and each program do in Vault, and how does that come to be?

Least privilege, written down by a program: an agent type reads its own folder with its own transit key, a program its
own broker login. `plan` is pure; `apply` writes what differs and says what it changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from hvac import exceptions as refused

from fleet.secrets.envelope import FLEET_KEY, SHARED_KEY
from fleet.secrets.vault_login import VaultSession

OPERATOR = "fleet-operator"
PROGRAMS = ("producer", "gateway", "beat", "worker", "flower", "metrics", "scaler")
"""Programs with a broker login of their own; `maintenance`, which rotates them all, logs in as the operator."""
SIGNERS = ("producer", "gateway", "beat")


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
    """An AppRole, of an agent type or a program, as it stands on the server after `apply`."""

    holder: str
    role_id: str
    changed: tuple[str, ...]


def agent_policy(agent_type: str, mount: str = "fleet", transit: str = "transit") -> Policy:
    """Return the policy of an agent type's workers: read its own folder, a worker's broker login, what all may read."""
    key, login = f"agent-{agent_type}", program_policy("worker", mount, transit)
    return Policy(
        f"fleet-{key}",
        (
            (f"{mount}/data/agents/{agent_type}/*", ("read",)),
            (f"{mount}/metadata/agents/{agent_type}/*", ("read", "list")),
            (f"{transit}/decrypt/{key}", ("update",)),
            *login.rules,
        ),
        (key, *login.transit_keys),
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
            ("sys/leases/renew", ("update",)),
            ("sys/leases/revoke", ("update",)),
        ),
        (FLEET_KEY, SHARED_KEY, OPERATOR, "fleet-maintenance"),
    )


def program_policy(program: str, mount: str = "fleet", transit: str = "transit") -> Policy:
    """Return the policy of a program: read its broker login and what all may read; who publishes, the signing key too."""
    name = f"fleet-{program}"
    paths, keys = [f"fleet/broker/{program}", "shared/*"], [name, SHARED_KEY]
    if program in SIGNERS:
        paths, keys = [*paths, "fleet/signing"], [*keys, FLEET_KEY]
    reads = ((f"{mount}/data/{path}", ("read",)) for path in paths)
    opens = ((f"{transit}/decrypt/{key}", ("update",)) for key in keys)
    return Policy(name, (*reads, *opens), tuple(keys))


def plan(agent_types: Iterable[str], mount: str = "fleet", transit: str = "transit") -> Mapping[str, Policy]:
    """Return every policy a fleet with these agent types needs, by who holds it."""
    programs = {name: program_policy(name, mount, transit) for name in PROGRAMS}
    agents = {f"agents/{name}": agent_policy(name, mount, transit) for name in sorted(set(agent_types))}
    return {"operator": operator_policy(mount, transit), **programs, **agents}


def apply(
    session: VaultSession,
    agent_types: Iterable[str],
    *,
    mount: str = "fleet",
    transit: str = "transit",
    token_ttl: str = "1h",
) -> tuple[AppliedRole, ...]:
    """Make engines, keys, policies and one AppRole per holder what the plan says; repeating changes nothing."""
    session.call(partial(_engines, mount=mount, transit=transit))
    applied = []
    for holder, policy in plan(agent_types, mount, transit).items():
        changed = session.call(partial(_policy, policy=policy, transit=transit))
        role_id = session.call(partial(_role, policy=policy, token_ttl=token_ttl))
        applied.append(AppliedRole(holder, role_id, changed))
    return tuple(applied)


def issue_secret_id(session: VaultSession, holder: str) -> str:
    """Return a new secret id for the AppRole of `agents/<type>` or a program; shown once, to whoever deploys it."""
    agent = holder.removeprefix("agents/")
    role = f"fleet-{holder}" if holder in (*PROGRAMS, "operator") else agent_policy(agent).name
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
