"""What must never stand in a log line?

Three nets: field names that hold secrets, texts that look like secrets, and exact values the secret backend handed out
(`hide`). Redaction is the last step before rendering, so it also covers exceptions and other libraries' lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from pydantic import SecretBytes, SecretStr

MASK: Final = "[redacted]"
_SHORTEST_HIDDEN: Final = 8
_MOST_HIDDEN: Final = 10_000

_FIELD = re.compile(
    r"(?:^|[_-])(?:pass(?:word|wd|phrase)|token|api[_-]?key|access[_-]?key|private[_-]?key|signing[_-]?key|secret[_-]?(?:key|value|id)"
    r"|client[_-]?secret|authorization|credentials?|cookie)$",
    re.IGNORECASE,
)
_TEXT = re.compile(
    r"(?P<url>(?<=://)[^/\s:@'\"]*:[^/\s@'\"]+(?=@))"
    r"|(?P<header>(?<=bearer )[\w.~+/=-]{8,}|(?<=basic )[A-Za-z0-9+/=]{8,})"
    r"|(?P<pair>(?<=password=)[^\s&'\",;]+|(?<=token=)[^\s&'\",;]+|(?<=api_key=)[^\s&'\",;]+)"
    r"|\bsk-[\w-]{16,}|\bhv[sbr]\.[\w-]{16,}|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{20,}|\bxox[abeoprs]-[\w-]{10,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+"
    r"|(?<=hooks\.slack\.com/services/)[\w/]+"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
    re.IGNORECASE | re.DOTALL,
)
_hidden: set[str] = set()
_hidden_pattern: re.Pattern[str] | None = None


def hide(value: str) -> None:
    """Never write this exact value again; called with every secret that is read."""
    global _hidden_pattern
    if len(value) >= _SHORTEST_HIDDEN and value not in _hidden and len(_hidden) < _MOST_HIDDEN:
        _hidden.update((value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]))
        _hidden_pattern = re.compile("|".join(re.escape(secret) for secret in sorted(_hidden, key=len, reverse=True)))
        _known_field.cache_clear()


@lru_cache(maxsize=4096)
def _known_field(name: str) -> tuple[str, bool]:
    """Return a field's name as it may be written, and whether it holds a secret; every line and span has the same few."""
    return redact_text(name), bool(_FIELD.search(name))


def redact_text(text: str) -> str:
    """Return the text without anything that is or looks like a secret."""
    return _TEXT.sub(MASK, without_hidden(text))


def without_hidden(text: str) -> str:
    """Return the text, plain or JSON, without the exact values of secrets; the rest of it stays as it is."""
    return text if _hidden_pattern is None else _hidden_pattern.sub(MASK, text)


def mask(error: BaseException) -> None:
    """Take the exact values of secrets out of what an exception, and the ones before it, say."""
    if _hidden_pattern is None:
        return
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        current = left.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        current.args = tuple(without_hidden(part) if isinstance(part, str) else part for part in current.args)
        left += [current.__cause__, current.__context__, *getattr(current, "exceptions", ())]


def redact(value: Any, field: str = "") -> Any:
    """Return the value as it may be written; containers are copied, never changed."""
    if isinstance(value, (SecretStr, SecretBytes)) or (field and value is not None and _known_field(field)[1]):
        return MASK
    match value:
        case str():
            return redact_text(value)
        case bytes():
            return redact_text(value.decode("utf-8", "replace"))
        case Mapping():
            return {_known_field(str(key))[0]: redact(item, str(key)) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [redact(item) for item in value]
        case None | bool() | int() | float():
            return value
        case _:
            return redact_text(str(value))
