"""Which user and password does this process use at the broker right now?

Read through a cache of its own whose accesses go to the log instead of the audit trail: the trail lives behind the very
connection this login opens. Vault's own audit device sees them too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache

from fleet.secrets.audit_entry import Outcome
from fleet.secrets.configured import backend
from fleet.secrets.resolve import Resolver
from fleet.settings import current
from fleet.telemetry import logs
from fleet.telemetry.events import Event


def read() -> tuple[str, str]:
    """Return the login that `broker.login_secret` names."""
    fields = _resolver(os.getpid()).secret(current().broker.login_secret)
    return fields.field("username").get_secret_value(), fields.field("password").get_secret_value()


@cache
def _resolver(_process: int) -> Resolver:
    return Resolver(backend(), _log, cache_seconds=current().secrets.cache_seconds)


def _log(action: str, target: str, outcome: Outcome, detail: Mapping[str, object]) -> None:
    logs.get("secrets").info(Event.SECRET_READ, action=action, path=target, outcome=outcome, **detail)
