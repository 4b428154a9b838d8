"""Was this task message signed by a producer of this fleet, and must it be?

With `broker.sign_messages` every publication is signed and every worker refuses what is not, of declared types and of all
others. What is signed (task, arguments, and what follows it: callbacks, chain, chord) does not change between attempts,
so a retry carries its first signature. A refused message changes nothing: the genuine one is kept with the task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from fleet.secrets.signing import HEADER, Message
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
    return {HEADER: signing_keys.sign_message(configured.resolver(), message)}


def refusal(request: Any, task_type: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return why a worker must not run this message; an empty text when it may."""
    if not current().broker.sign_messages:
        return ""
    from fleet.secrets import configured, signing_keys

    message = _message(str(request.id), task_type, args, kwargs, [getattr(request, name, None) for name in FOLLOWING])
    verdict = signing_keys.verify_message(configured.resolver(), _signature(request), message)
    return "" if verdict.genuine else verdict.reason


def _message(
    task_id: str, task_type: str, args: Sequence[Any], kwargs: Mapping[str, Any], following: Sequence[Any]
) -> Message:
    covered = [list(args), kwargs, [part or None for part in following]]
    return Message(task_id, task_type, orjson.dumps(covered, default=str, option=orjson.OPT_SORT_KEYS))


def _signature(request: Any) -> str | None:
    carried = getattr(request, HEADER, None) or (getattr(request, "headers", None) or {}).get(HEADER)
    return str(carried) if carried else None
