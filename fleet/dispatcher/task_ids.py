"""What is a new task called? A random UUID (version 4), made from randomness fetched in portions."""

from __future__ import annotations

import os

PORTION = 256
_ready: list[str] = []
os.register_at_fork(after_in_child=_ready.clear)  # a child must not repeat its parent's


def new() -> str:
    """Return an id nobody has."""
    try:
        return _ready.pop()
    except IndexError:
        drawn = os.urandom(16 * PORTION).hex()
        made = [_uuid(drawn[at : at + 32]) for at in range(0, len(drawn), 32)]
        last = made.pop()
        _ready.extend(made)
        return last


def _uuid(text: str) -> str:
    """Return 32 random hexadecimal digits as a UUID of version 4, variant 1."""
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[int(text[16], 16) & 3]}{text[17:20]}-{text[20:]}"
