"""Was this task message signed by a producer of this fleet, and must it be?

With `broker.sign_messages` every publication is signed and every worker refuses what is not, of declared types and of all
others. What is signed (task, arguments, and what follows it: callbacks, chain, chord) does not change between attempts,
so a retry carries its first signature. A refused message changes nothing: the genuine one is kept with the task.
A worker that publishes (the next step of a chain, a callback) signs with its agent type's key, which is good for the task
types the catalogue names in `publishes` and no others.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from celery._state import get_current_worker_task

from fleet import catalogue
from fleet.errors import ConfigurationError
from fleet.secrets.errors import AccessDenied, SecretMissing
from fleet.secrets.signing import HEADER, Message, holder
from fleet.settings import current

FOLLOWING = ("callbacks", "errbacks", "chain", "chord")
"""What a message says comes after its task; a worker publishes it."""


def stamped(
    task_id: str, task_type: str, args: Sequence[Any], kwargs: bytes, embed: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Return the header that signs a message; nothing while signing is off. `kwargs` is JSON."""
    if not current().broker.sign_messages:
        return {}
    from fleet.secrets import configured, signing_keys

    following = [(embed or {}).get(name) for name in FOLLOWING]
    message = _message(task_id, task_type, args, orjson.loads(kwargs), following)
    agent_type = _of_this_worker()
    if not agent_type:
        return {HEADER: signing_keys.sign_message(configured.resolver(), message)}
    running = get_current_worker_task()
    first = _signature(running.request) if running is not None and str(running.request.id) == task_id else None
    if first and signing_keys.verify_message(configured.resolver(), first, message).genuine:
        return {HEADER: first}  # Celery's retry of the very task
    if task_type not in catalogue.current().agent_types[agent_type].publishes:
        raise ConfigurationError(_unsigned(agent_type, task_type))
    try:
        own = signing_keys.agents_own(agent_type)
        return {HEADER: signing_keys.sign_message(configured.resolver(), message, own)}
    except (SecretMissing, AccessDenied):
        raise ConfigurationError(_unsigned(agent_type, task_type)) from None


def refusal(request: Any, task_type: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return why a worker must not run this message; an empty text when it may."""
    if not current().broker.sign_messages:
        return ""
    from fleet.secrets import configured, signing_keys

    message = _message(str(request.id), task_type, args, kwargs, [getattr(request, name, None) for name in FOLLOWING])
    signature = _signature(request)
    verdict = signing_keys.verify_message(configured.resolver(), signature, message)
    if not verdict.genuine:
        return verdict.reason
    agent_type = holder(signature or "")
    declared = catalogue.current().agent_types.get(agent_type)
    if agent_type and task_type not in (declared.publishes if declared else ()):
        return f"it is signed by a worker of {agent_type!r}, and those may not publish {task_type!r}"
    return ""


def _of_this_worker() -> str:
    """Return the agent type whose worker this process is; empty for any other program."""
    pool = catalogue.current().pool(os.environ.get("FLEET_POOL", ""))
    return pool.agent_type if pool else ""


def _unsigned(agent_type: str, task_type: str) -> str:
    return (
        f"a worker of {agent_type!r} sent {task_type!r}, messages must be signed, and it has no key for that: list the "
        f"task type in agent_types.{agent_type}.publishes and run `fleet secrets rotate agents/{agent_type}/signing`"
    )


def _message(
    task_id: str, task_type: str, args: Sequence[Any], kwargs: Mapping[str, Any], following: Sequence[Any]
) -> Message:
    covered = [list(args), kwargs, [part or None for part in following]]
    return Message(task_id, task_type, orjson.dumps(covered, default=str, option=orjson.OPT_SORT_KEYS))


def _signature(request: Any) -> str | None:
    carried = getattr(request, HEADER, None) or (getattr(request, "headers", None) or {}).get(HEADER)
    return str(carried) if carried else None
