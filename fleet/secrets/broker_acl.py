"""What may each component do at the broker?

Pure, but for `apply`. One Redis user per component, derived from the table of keys: a component writes the keys of the
packages that run inside it, reads what it shows, and touches only Celery's keys that it needs. Nobody has a dangerous or
administrative command but the operator, and the maintenance worker those three that rotate a password: as they could make
it an operator, it belongs where only beat's jobs run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pydantic import SecretStr

from fleet.secrets.backend import SecretBackend
from fleet.secrets.credentials import keep_users, random_text
from fleet.secrets.errors import SecretMissing
from fleet.store import keys
from fleet.store.client import available

if TYPE_CHECKING:
    import redis

CONNECT = "+auth +hello +ping +quit +reset +select +client|setname +client|setinfo +client|id +client|getname"
SCRIPTS = "+eval +evalsha +fcall +function|load +script|load +script|exists +time"
CHANGE = "+@read +@write +@transaction +@blocking +@pubsub -@dangerous -@admin"
ROTATE = "+acl|setuser +acl|getuser +acl|save"
LOOK = "+@read +@transaction +@pubsub -@dangerous -@admin +info +time"

RESULTS = ("celery-task-meta-*", "celery-taskset-meta-*", "chord-unlock-*", "*.j", "*.t", "*.s")
KOMBU = ("_kombu.binding*", "unacked*", "*.celery.pidbox*", "celeryev*")
STANDING_QUEUES = ("celery", "fleet.maintenance")
PRIORITY = "\x06\x16"
"""What kombu writes between a queue's name and a priority."""
CONTROL = "/{database}.celery.pidbox"
EVENT_CHANNELS = ("/{database}.celeryev/*", "/{database}.celeryev/worker.*")
RESULT_CHANNEL = "celery-task-meta-*"
CHANNELS = (CONTROL, *EVENT_CHANNELS, RESULT_CHANNEL)
"""Spelled exactly as kombu subscribes: a pattern subscription is allowed by the same text only."""


@dataclass(frozen=True, slots=True)
class Component:
    """A program, the packages whose keys it writes, and what of Celery it needs."""

    name: str
    commands: str
    writes: Collection[str] = ()
    reads: Collection[str] = ()
    queues: bool = False
    celery: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


ALL = "*"
RUNNING = (
    "dispatcher",
    "registry",
    "costs",
    "telemetry",
    "health",
    "scaling",
    "alerts",
    "reports",
    "catalogue",
    "store",
)
COMPONENTS: tuple[Component, ...] = (
    Component(
        "producer",
        f"{CHANGE} {SCRIPTS}",
        writes=("dispatcher", "costs", "telemetry", "audit"),
        reads=("registry", "catalogue", "alerts"),
        queues=True,
        celery=(*RESULTS, *KOMBU),
        channels=(RESULT_CHANNEL,),
    ),
    Component(
        "gateway",
        f"{CHANGE} {SCRIPTS} +info",
        writes=(*RUNNING, "secrets", "gateway"),
        queues=True,
        celery=(*RESULTS, *KOMBU),
        channels=CHANNELS,
    ),
    Component(
        "worker",
        f"{CHANGE} {SCRIPTS} +info",
        writes=(*RUNNING, "audit"),
        queues=True,
        celery=(*RESULTS, *KOMBU),
        channels=CHANNELS,
    ),
    Component(
        # The worker of beat's jobs: it rotates the others' passwords and the API keys, so it may change users.
        "maintenance",
        f"{CHANGE} {SCRIPTS} +info {ROTATE}",
        writes=(*RUNNING, "audit", "secrets", "backup"),
        reads=("gateway", "release"),
        queues=True,
        celery=(*RESULTS, *KOMBU),
        channels=CHANNELS,
    ),
    Component(
        "beat",
        f"{CHANGE} {SCRIPTS}",
        writes=("beat", "dispatcher", "costs", "telemetry", "store", "audit"),
        reads=("registry", "catalogue"),
        queues=True,
        celery=KOMBU,
        channels=(CONTROL,),
    ),
    Component("scaler", LOOK, reads=(ALL,)),
    Component("metrics", LOOK, reads=(ALL,), queues=True),
    Component(
        "flower",
        f"{CHANGE} {SCRIPTS} +info",
        # What the Fleet tab's buttons change.
        writes=("dispatcher", "registry", "costs", "telemetry", "alerts", "audit"),
        reads=RUNNING,
        queues=True,
        celery=(*RESULTS, *KOMBU),
        channels=CHANNELS,
    ),
    Component("operator", "+@all", reads=(ALL,), writes=(ALL,)),
)


@dataclass(frozen=True, slots=True)
class User:
    """A broker user's rules, without a password."""

    name: str
    rules: tuple[str, ...]

    def line(self, digests: Iterable[str]) -> str:
        """Return the user as a line of an ACL file."""
        passwords = " ".join(f"#{digest}" for digest in sorted(digests))
        return f"user {self.name} on {passwords} {' '.join(self.rules)}"


def users(
    cell: str, queues: Iterable[str], database: int = 0, table: Iterable[keys.Key] = keys.TABLE
) -> tuple[User, ...]:
    """Return every component's user for a cell and the queues of its pools in a numbered database."""
    rows, names = tuple(table), tuple(queues)
    return tuple(User(f"fleet-{part.name}", _rules(part, cell, names, database, rows)) for part in COMPONENTS)


def _rules(
    part: Component, cell: str, queues: tuple[str, ...], database: int, table: tuple[keys.Key, ...]
) -> tuple[str, ...]:
    if ALL in part.writes:
        return ("~*", "&*", *part.commands.split())
    prefix = _literal(keys.prefix(cell))
    rules = [f"%RW~{prefix}"]
    for row in table:
        owners = _owners(row)
        pattern = prefix + re.sub(r"<[^>]+>", "*", row.suffix)
        if owners & {*part.writes, "everyone"}:
            rules.append(f"%RW~{pattern}")
        elif (ALL in part.reads and not row.suffix.startswith("api_key")) or owners & set(part.reads):
            rules.append(f"%R~{pattern}")
    access = "%RW~" if "+@write" in part.commands else "%R~"
    # A queue's priorities are lists of their own: the name, two control characters, a number; so are its pool's versions.
    if part.queues:
        rules += [
            f"{access}{_literal(queue)}{rest}"
            for queue in (*queues, *STANDING_QUEUES)
            for rest in ("", f"{PRIORITY}?", "@*")
        ]
    rules += [f"%RW~{pattern}" for pattern in part.celery]
    rules += [f"&{channel.format(database=database)}" for channel in part.channels]
    if "secrets" in part.writes:
        rules.append(f"&{_literal(keys.revoked_api_keys(cell))}")
    return (*dict.fromkeys(rules), *CONNECT.split(), *part.commands.split())


def _owners(row: keys.Key) -> set[str]:
    """Return the packages that write a key; the audit log is everybody's to append to, API keys are not."""
    named = {"everyone"} if row.writer.startswith("every") else set(re.findall(r"\w+", row.writer))
    return named | {"audit"} if row.suffix in ("audit", "audit_head") else named


def _literal(text: str) -> str:
    """Escape what a Redis pattern would read as a wildcard."""
    return re.sub(r"([*?\[\]\\])", r"\\\1", text)


def secret_path(user: User) -> str:
    return f"fleet/broker/{user.name.removeprefix('fleet-')}"


def apply(client: redis.Redis, backend: SecretBackend, wanted: Iterable[User]) -> Mapping[str, tuple[str, ...]]:
    """Make the users what is wanted and give each that has none a password in the backend; passwords in use stay."""
    changed: dict[str, tuple[str, ...]] = {}
    for user in wanted:
        path, did = secret_path(user), []
        try:
            password = backend.read(path).field("password")
        except SecretMissing:
            password = random_text()
            backend.write(path, {"username": SecretStr(user.name), "password": password})
            did.append("password")
        digest = hashlib.sha256(password.get_secret_value().encode()).hexdigest()
        with available():
            before = cast(Mapping[str, object] | None, client.acl_getuser(user.name))
            rules = ("on", "resetkeys", "resetchannels", "nocommands", f"#{digest}", *user.rules)
            client.execute_command("ACL SETUSER", user.name, *rules)  # type: ignore[no-untyped-call]
            if before != client.acl_getuser(user.name):
                did.append("user")
        changed[user.name] = tuple(did)
    keep_users(client)
    return changed
