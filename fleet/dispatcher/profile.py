"""What do many tasks have in common?

A profile: one text per type, tenant, priority and complexity, sent with a submission and kept as one field of its record,
so that neither the message to the script nor the record grows with what never varies. parts/profile.lua reads the same.
"""

from __future__ import annotations

PROFILE = (
    "type", "tenant", "priority", "max_attempts", "strategy", "agent_type", "goal", "ignore_result", "complexity", "key_seconds",
    "contract",
)  # fmt: skip
SEPARATOR = "\x1f"


def joined(**values: object) -> bytes:
    """Return the text of a profile that has exactly these values."""
    return SEPARATOR.join(str(values[name]) for name in PROFILE).encode()


def value(profile: str | None, name: str) -> str:
    """Return one value of a recorded profile, '' when there is none."""
    parts = (profile or "").split(SEPARATOR)
    at = PROFILE.index(name)
    return parts[at] if at < len(parts) else ""
