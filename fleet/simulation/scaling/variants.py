"""Which decision settings does `key=value` mean?

Names are those of the settings' fields, dotted where nested: `promise=0.8`, `forecast.change=2`,
`headroom.gain=0.005`, `threshold.high=0.7`, `policy=threshold`. A name nobody declared is refused with the known
ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from fleet.errors import ConfigurationError, UnknownName
from fleet.scaling.targets import DecisionSettings


def names(settings: DecisionSettings | None = None) -> dict[str, Any]:
    """Return every name that can be set, with its value."""
    settings = settings or DecisionSettings()
    return {"policy": settings.policy, **_leaves(settings.staffing, ""), **_leaves(settings.threshold, "threshold.")}


def varied(settings: DecisionSettings, assignments: Iterable[str]) -> DecisionSettings:
    """Return the settings with the assignments made."""
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        known = names(settings)
        if not equals:
            raise ConfigurationError(f"{assignment!r} is no setting: write NAME=VALUE, for example promise=0.8")
        if name not in known:
            raise UnknownName("scaling setting", name, known)
        settings = _set(settings, name, _value(name, text, known[name]))
    return settings


def _leaves(value: Any, prefix: str) -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for field in fields(value):
        inner = getattr(value, field.name)
        leaves |= _leaves(inner, f"{prefix}{field.name}.") if is_dataclass(inner) else {f"{prefix}{field.name}": inner}
    return leaves


def _value(name: str, text: str, known: Any) -> Any:
    if name == "policy":
        if text not in ("staffing", "threshold"):
            raise UnknownName("scaling policy", text, ("staffing", "threshold"))
        return text
    try:
        return type(known)(text)
    except ValueError:
        raise ConfigurationError(f"{name} is {text!r}, must be a number like {known}") from None


def _set(settings: DecisionSettings, name: str, value: Any) -> DecisionSettings:
    if name == "policy":
        return replace(settings, policy=value)
    if name.startswith("threshold."):
        return replace(settings, threshold=replace(settings.threshold, **{name.partition(".")[2]: value}))
    return replace(settings, staffing=_replaced(settings.staffing, name.split("."), value))


def _replaced(owner: Any, path: list[str], value: Any) -> Any:
    if len(path) == 1:
        return replace(owner, **{path[0]: value})
    return replace(owner, **{path[0]: _replaced(getattr(owner, path[0]), path[1:], value)})
