"""Who is asking, for which tenant, and with which role?"""

from __future__ import annotations

from dataclasses import dataclass

from fleet.secrets.roles import Role

ALL_TENANTS = "*"


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated caller."""

    name: str
    tenant: str
    role: Role
    how: str
    """`api key <id>`, `oidc` or `mesh`."""

    def may_see(self, tenant: str) -> bool:
        """Return whether what belongs to the tenant is this caller's to see."""
        return self.tenant in (ALL_TENANTS, tenant)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a credential was not accepted."""

    reason: str
