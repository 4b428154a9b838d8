"""How does an operator store, look at, rotate and judge secrets?

Values come from a prompt or standard input, never from the command line, where every process on the machine can read
them; they are shown only when asked for, and that is on record.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from fleet.cli.answer import answer, json_option, table

if TYPE_CHECKING:
    from pydantic import SecretStr

    from fleet.secrets.rotate import Progress
    from fleet.secrets.upkeep import Stuck


@click.group("secrets")
def group() -> None:
    """Secrets: keep, look at, rotate, judge."""


@group.command("put")
@click.argument("path")
@click.argument("fields", nargs=-1)
@click.option("--value-stdin", is_flag=True, help="Read the value of the one FIELD from standard input.")
@click.option("--json-stdin", is_flag=True, help="Read all fields as one JSON object from standard input.")
@json_option
def put(path: str, fields: tuple[str, ...], value_stdin: bool, json_stdin: bool, as_json: bool) -> None:
    """Store FIELDS of the secret at PATH; other fields stay."""
    from fleet.secrets import configured, upkeep

    version = upkeep.audited_write(configured.backend(), path, _values(fields, value_stdin, json_stdin))
    answer({"path": path, "version": version}, as_json, f"{path} is now at version {version}")


@group.command("get")
@click.argument("path")
@click.option("--version", type=int, help="An older version.")
@click.option("--reveal", is_flag=True, help="Show the values.")
@json_option
def get(path: str, version: int | None, reveal: bool, as_json: bool) -> None:
    """Show a secret; its values only with --reveal."""
    from fleet.secrets import audit, configured

    backend = configured.backend()
    secret = backend.read(path, version)
    detail = {"backend": backend.name, "version": secret.version, "revealed": reveal}
    audit.record("secret.read", path, detail=detail)
    shown = {name: value.get_secret_value() if reveal else str(value) for name, value in secret.fields.items()}
    document = {"path": path, "version": secret.version, "created_at": secret.created_at, "fields": shown}
    lines = [f"{path}, version {secret.version}, written {secret.created_at:%Y-%m-%d %H:%M} UTC"]
    answer(document, as_json, [*lines, table(("field", "value"), shown.items())])


@group.command("list")
@click.argument("prefix", default="")
@json_option
def list_(prefix: str, as_json: bool) -> None:
    """List the paths at or under PREFIX."""
    from fleet.secrets import configured

    paths = configured.backend().paths(prefix)
    answer({"paths": paths}, as_json, paths or f"no secret under {prefix!r}")


@group.command("delete")
@click.argument("path")
@click.confirmation_option(prompt="Remove the secret with all its versions?")
@json_option
def delete(path: str, as_json: bool) -> None:
    """Remove a secret with all its versions."""
    from fleet.secrets import audit, configured

    audit.record("secret.delete", path)
    configured.backend().delete(path)
    answer({"path": path, "deleted": True}, as_json, f"{path} is gone")


@group.command("age")
@click.option("--check", is_flag=True, help="Exit 1 when a secret is due, 2 when one is overdue.")
@json_option
def age(check: bool, as_json: bool) -> None:
    """Judge how old every secret is."""
    from fleet.secrets.age import worst
    from fleet.secrets.upkeep import ages

    judged = ages()
    verdict = worst(judged)
    rows = ((item.verdict, item.path, f"v{item.version}", item.reason) for item in judged)
    answer({"verdict": verdict, "secrets": judged}, as_json, table(("verdict", "path", "version", "why"), rows))
    if check:
        sys.exit({"fresh": 0, "warn": 1, "critical": 2}[verdict])


@group.command("rotate")
@click.argument("path", required=False)
@click.option("--kind", help="What the secret is, where its path does not say: broker, gateway, signing, dynamic, llm, random.")
@click.option("--value-stdin", is_flag=True, help="Read the new value (a provider's key) from standard input.")
@json_option
def rotate(path: str | None, kind: str | None, value_stdin: bool, as_json: bool) -> None:
    """Rotate PATH as far as it can go now; without PATH, everything that is due or under way."""
    from fleet.secrets import upkeep
    from fleet.secrets.upkeep import Stuck

    supplied = _values(("value",), True, False)["value"] if value_stdin else None
    progress = (upkeep.rotate_one(path, kind=kind, supplied=supplied),) if path else upkeep.rotate_due()
    answer({"rotations": progress}, as_json, [_told(item) for item in progress] or "no secret is due")
    if any(isinstance(item, Stuck) or item.rotation.state == "rolled_back" for item in progress):
        sys.exit(1)


@group.command("audit")
@click.option("-n", "count", default=50, show_default=True, help="How many of the newest entries to look at.")
@json_option
def audit(count: int, as_json: bool) -> None:
    """Show who read, wrote and rotated secrets."""
    from fleet.cli.audit import show
    from fleet.secrets.audit import newest

    show([entry for entry in newest(count) if entry.action.startswith(("secret.", "rotation."))], as_json)


@group.command("drill")
@click.option("--seconds", type=click.FloatRange(min=5), default=30.0, show_default=True, help="How long.")
@click.option("--tasks", is_flag=True, help="On a throw-away fleet with its own secret server, under real tasks.")
@click.option("--every", type=click.FloatRange(min=5), default=60.0, show_default=True, help="With --tasks: seconds between rotations.")
@json_option
def drill(seconds: float, tasks: bool, every: float, as_json: bool) -> None:
    """Rotate drill credentials under load; exit 1 when anybody was refused.

    With --tasks every credential of a throw-away fleet is rotated (provider's key, broker users, API key, signing key)
    while tasks run, its old connections are cut, and all values there ever were are searched for in logs, answers,
    traces, metrics, the audit log, Flower and Redis.
    """
    from fleet.cli import secrets_drill

    ok = secrets_drill.with_tasks(seconds, every, as_json) if tasks else secrets_drill.here(seconds, as_json)
    if not ok:
        sys.exit(1)


@group.command("mirror")
@click.argument("agent_type")
@click.option("--namespace", required=True, help="Where the agent's Deployment runs.")
@click.option("--deployment", help="The Deployment that owns the copy; needed unless --drop.")
@click.option("--drop", is_flag=True, help="Remove the copy.")
@json_option
def mirror(agent_type: str, namespace: str, deployment: str | None, drop: bool, as_json: bool) -> None:
    """Copy AGENT_TYPE's secrets into a Kubernetes Secret, or repair the copy. Vault stays the truth."""
    from fleet.secrets import audit, configured
    from fleet.secrets import mirror as mirrors

    if not (drop or deployment):
        raise click.UsageError("name the owner with --deployment, or remove the copy with --drop")
    copies = mirrors.cluster(namespace)
    audit.record("secret.mirror", f"{namespace}/{agent_type}", detail={"drop": drop})
    if drop or not deployment:
        done = copies.drop(agent_type)
    else:
        done = copies.sync(configured.backend(), agent_type, mirrors.owner_of(deployment, namespace))
    answer(done, as_json, f"{namespace}/{done.name}: {done.did} {', '.join(done.drift)}")


@group.command("policy")
@click.option("--apply", "applied", is_flag=True, help="Write it to the server; needs a login that may.")
@json_option
def policy(applied: bool, as_json: bool) -> None:
    """Show or apply what each agent type and each program may do in Vault."""
    from fleet import catalogue
    from fleet.secrets import audit, configured
    from fleet.secrets import policy as policies
    from fleet.settings import current

    agent_types, chosen = tuple(catalogue.current().agent_types), current().secrets
    if not applied:
        plan = policies.plan(agent_types, chosen.vault_mount)
        answer({"policies": tuple(plan.values())}, as_json, [f"# {item.name}\n{item.text()}" for item in plan.values()])
        return
    audit.record("policy.apply", chosen.vault_url, detail={"agent_types": ", ".join(agent_types)})
    roles = policies.apply(configured.vault_session(chosen), agent_types, mount=chosen.vault_mount)
    rows = ((role.holder, role.role_id, ", ".join(role.changed) or "nothing") for role in roles)
    answer({"roles": roles}, as_json, table(("holder", "role id", "changed"), rows))


@group.command("login")
@click.argument("holder")
@json_option
def login(holder: str, as_json: bool) -> None:
    """Issue a new secret id with which HOLDER (an agent type, or a program such as gateway) logs in to Vault; shown once."""
    from fleet.secrets import audit, configured, policy
    from fleet.settings import current

    audit.record("login.issue", holder)
    secret_id = policy.issue_secret_id(configured.vault_session(current().secrets), holder)
    answer({"holder": holder, "secret_id": secret_id}, as_json, secret_id)


def _values(fields: tuple[str, ...], value_stdin: bool, json_stdin: bool) -> dict[str, SecretStr]:
    given = _given(fields, value_stdin, json_stdin)
    if empty := [name for name, value in given.items() if not value.get_secret_value()]:
        raise click.UsageError(f"the value of {', '.join(empty)} is empty: nothing was stored")
    return given


def _given(fields: tuple[str, ...], value_stdin: bool, json_stdin: bool) -> dict[str, SecretStr]:
    from pydantic import SecretStr

    if json_stdin:
        given = json.load(sys.stdin)
        if not isinstance(given, dict) or not given or not all(isinstance(value, str) for value in given.values()):
            raise click.UsageError('standard input must be one JSON object of texts, such as {"api_key": "..."}')
        return {name: SecretStr(value) for name, value in given.items()}
    if value_stdin:
        if len(fields) != 1:
            raise click.UsageError("--value-stdin needs exactly one FIELD")
        return {fields[0]: SecretStr(sys.stdin.read().rstrip("\n"))}
    if not fields:
        raise click.UsageError("name at least one FIELD, or use --json-stdin")
    return {name: SecretStr(click.prompt(name, hide_input=True, confirmation_prompt=True)) for name in fields}


def _told(item: Progress | Stuck) -> str:
    from fleet.clock import utc
    from fleet.secrets.upkeep import Stuck

    if isinstance(item, Stuck):
        return f"{item.path}: stuck, will be tried again: {item.reason}"
    rotation = item.rotation
    waits = f", goes on after {utc(item.waits_until):%H:%M:%S} UTC" if item.waits_until else ""
    return (
        f"{rotation.path} ({rotation.kind}): {rotation.state}{waits}{': ' + rotation.reason if rotation.reason else ''}"
    )
