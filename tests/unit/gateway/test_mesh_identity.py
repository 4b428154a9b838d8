"""Is a mesh identity believed only in the shape our own proxy gives it, and never more than its service account?"""

from __future__ import annotations

import pytest

from fleet.gateway.door import by_certificate
from fleet.gateway.identity import Identity, Refused
from fleet.secrets.roles import Role


def header(uri: str) -> str:
    return f'By=spiffe://cluster.local/ns/fleet/sa/gateway;Hash=ab12;Subject="";URI={uri}'


@pytest.mark.parametrize(
    ("account", "tenant", "role"),
    [
        ("ns/acme/sa/fleet-producer", "acme", Role.PRODUCER),
        ("ns/acme/sa/fleet-viewer", "acme", Role.VIEWER),
        ("ns/ops/sa/fleet-operator", "*", Role.OPERATOR),
    ],
)
def test_service_accounts_have_the_role_they_are_named_for(account: str, tenant: str, role: Role) -> None:
    identity = by_certificate(header(f"spiffe://cluster.local/{account}"))
    assert isinstance(identity, Identity)
    assert (identity.tenant, identity.role) == (tenant, role)


@pytest.mark.parametrize(
    "value",
    [
        "",
        header("spiffe://cluster.local/ns/acme/sa/default"),
        header("spiffe://cluster.local/ns/acme/sa/fleet-admin"),
        header("https://cluster.local/ns/acme/sa/fleet-producer"),
        header("spiffe://cluster.local/ns/acme/sa/fleet-operator") + "," + header("spiffe://c/ns/x/sa/default"),
        header("spiffe://cluster.local/ns/acme/sa/fleet-producer-of-nothing"),
        'By=x;Subject="CN=a;URI=spiffe://c/ns/acme/sa/fleet-operator";URI=spiffe://c/ns/acme/sa/default',
        'By=x;URI=spiffe://c/ns/acme/sa/default;Subject="URI=spiffe://c/ns/acme/sa/fleet-operator"',
    ],
)
def test_anything_else_is_refused(value: str) -> None:
    assert isinstance(by_certificate(value), Refused)
