"""What can go wrong, as one tree.

Every text says what happened, with which value, and what to do next. Expected outcomes (a refused task, an exhausted
budget) are return values with a reason, never exceptions.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class FleetError(Exception):
    """Root of every error this project raises on purpose."""


class ConfigurationError(FleetError):
    """The catalogue, the settings or a command line says something that cannot be."""


class UnknownName(ConfigurationError):
    """A name nobody declared; the text lists the known ones and the nearest."""

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        self.kind, self.name, self.known = kind, name, tuple(sorted(known))
        super().__init__(f"{where}unknown {kind} {name!r}{did_you_mean(name, self.known)}; known: {', '.join(self.known) or 'none'}")


class InvalidPayload(FleetError):
    """A task's payload does not fit its task type; every wrong field is named."""

    def __init__(self, task_type: str, problems: Iterable[str]) -> None:
        self.task_type, self.problems = task_type, tuple(problems)
        super().__init__(f"payload of {task_type!r} is not valid: " + "; ".join(self.problems))


class StoreUnavailable(FleetError):
    """Redis did not answer in time, so nothing was changed as far as the caller can know."""


class ReadOnly(FleetError):
    """This process may look and not touch."""


class NotFound(FleetError):
    """The thing asked for does not exist (any more)."""


class Conflict(FleetError):
    """The thing changed, or is owned by somebody else, since the caller looked."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the nearest known name, or an empty string."""
    nearest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {nearest[0]!r}?)" if nearest else ""
