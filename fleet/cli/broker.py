"""How does an operator give each component its own broker user?"""

from __future__ import annotations

import click

from fleet.cli.answer import answer, json_option, table


@click.group("broker")
def group() -> None:
    """The broker's users."""


@group.command("acl")
@click.option(
    "--apply", "applied", is_flag=True, help="Create the users at the broker; passwords go to the secret backend."
)
@json_option
def acl(applied: bool, as_json: bool) -> None:
    """Show or apply the users and rules each component needs."""
    from fleet import catalogue
    from fleet.secrets import audit, broker_acl, configured
    from fleet.secrets.credentials import keep_users
    from fleet.settings import current
    from fleet.store.client import connect

    queues = [pool.queue for pool in catalogue.current().pools.values()]
    database = connect().connection_pool.connection_kwargs.get("db") or 0
    wanted = broker_acl.users(current().cell, queues, int(database))
    if not applied:
        document = [{"user": user.name, "secret": broker_acl.secret_path(user), "rules": user.rules} for user in wanted]
        answer({"users": document}, as_json, [user.line(()) for user in wanted])
        return
    audit.record("broker.acl", current().cell, detail={"users": ", ".join(user.name for user in wanted)})
    changed = broker_acl.apply(connect(), configured.backend(), wanted)
    rows = ((name, ", ".join(did) or "nothing") for name, did in changed.items())
    kept = keep_users(connect())
    forgets = [] if kept else ["It has no ACL file and forgets them when it restarts: set `aclfile` in its configuration, or apply again then."]
    answer({"changed": changed, "kept": kept}, as_json, [table(("user", "changed"), rows), *forgets])
