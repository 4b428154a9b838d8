"""How does an admin hand out and take back API keys of the gateway?"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from fleet.cli.answer import answer, json_option, table

if TYPE_CHECKING:
    from fleet.secrets.api_keys import ApiKey


@click.group("keys")
def group() -> None:
    """API keys of the gateway: create, list, revoke."""


@group.command("create")
@click.argument("name")
@click.option(
    "--role", type=click.Choice(["viewer", "producer", "operator", "admin"]), default="producer", show_default=True
)
@click.option("--tenant", default="default", show_default=True)
@click.option("--days", type=click.FloatRange(min=0, min_open=True, max=3650), default=90.0, show_default=True)
@json_option
def create(name: str, role: str, tenant: str, days: float, as_json: bool) -> None:
    """Make a key for NAME; it is shown once."""
    from fleet.secrets import api_keys, audit
    from fleet.secrets.roles import Role
    from fleet.settings import current
    from fleet.store.client import connect

    text = api_keys.generate()
    detail = {"name": name, "tenant": tenant, "role": role, "days": days}
    audit.record("api_key.create", text.get_secret_value().split("_")[1], detail=detail)
    key = api_keys.admit(connect(), current().cell, text, name=name, tenant=tenant, role=Role(role), days=days)
    document = {**_shown(key), "key": text.get_secret_value()}
    answer(document, as_json, f"{text.get_secret_value()}\nKeep it: it cannot be shown again.")


@group.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the known keys."""
    from fleet.clock import utc
    from fleet.secrets import api_keys
    from fleet.settings import current
    from fleet.store.client import connect

    known = tuple(api_keys.every(connect(), current().cell))
    rows = ((k.id, k.name, k.tenant, k.role, f"{utc(k.expires_at):%Y-%m-%d %H:%M} UTC") for k in known)
    text = table(("id", "name", "tenant", "role", "ends"), rows) if known else "no keys"
    answer({"keys": [_shown(key) for key in known]}, as_json, text)


@group.command("revoke")
@click.argument("key_id")
@json_option
def revoke(key_id: str, as_json: bool) -> None:
    """Close the key with the id KEY_ID at once."""
    from fleet.secrets import api_keys, audit
    from fleet.settings import current
    from fleet.store.client import connect

    audit.record("api_key.revoke", key_id)
    api_keys.revoke(connect(), current().cell, key_id)
    answer({"id": key_id, "revoked": True}, as_json, f"key {key_id} opens nothing any more")


def _shown(key: ApiKey) -> dict[str, object]:
    return {name: value for name, value in dataclasses.asdict(key).items() if name != "digest"}
