"""Who asked for quiet, about what, until when?

Pure. A silence matches an incident when every label it names agrees; `rule` counts as a label. It mutes notifications
only: the incident lives on, and is announced when the silence ends and it still fires.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fleet.alerts.states import Incident
from fleet.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Silence:
    id: str
    matchers: tuple[tuple[str, str], ...]
    until: float
    by: str
    comment: str
    created_at: float

    def covers(self, incident: Incident, now: float) -> bool:
        labels = {**dict(incident.labels), "rule": incident.rule, "severity": incident.severity}
        return now < self.until and all(labels.get(name) == value for name, value in self.matchers)


def silenced(incident: Incident, silences: Iterable[Silence], now: float) -> str:
    """Return the id of a silence that covers the incident, or an empty text."""
    return next((silence.id for silence in silences if silence.covers(incident, now)), "")


def matchers(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Read `rule=high_error_rate pool=fast`; a bare word names a rule."""
    found: Mapping[str, str] = dict((text if "=" in text else f"rule={text}").split("=", 1) for text in texts)
    if not found:
        raise ConfigurationError("a silence needs at least one matcher, like high_error_rate or pool=fast")
    return tuple(sorted(found.items()))
