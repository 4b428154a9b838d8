"""Which models may do the fleet's work, and how good is each?

Reads the catalogue's `models` section over the reference models: a row adds a model or changes one by name, `null` takes
one away. What a model costs is a question for the prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from fleet.costs.selection import REFERENCE_MODELS, Model
from fleet.errors import ConfigurationError, UnknownName

KEYS = ("provider", "quality", "speed", "efficiency")
# A model may need a hundred times the reference's tokens, not more: that is a mistyped number.
MOST_EFFICIENCY = 100


def parse_models(section: object, where: str = "models") -> tuple[Model, ...]:
    """Return the models in force; raise `ConfigurationError` naming the first wrong place."""
    known = {model.name: model for model in REFERENCE_MODELS}
    if section is None:
        return REFERENCE_MODELS
    if not isinstance(section, Mapping):
        raise ConfigurationError(f"{where}: expected a mapping of model names to rows, got {type(section).__name__}")
    for name, row in section.items():
        place = f"{where}.{name}"
        if row is None:
            if name not in known:
                raise UnknownName("model", str(name), known, f"{place}: null takes a model away; ")
            del known[name]
        elif isinstance(row, Mapping):
            known[str(name)] = _model(known.get(str(name)), str(name), row, place)
        else:
            raise ConfigurationError(f"{place}: expected fields such as {{quality: 0.9, speed: 0.8}}, got {row!r}")
    return tuple(known.values())


def _model(before: Model | None, name: str, row: Mapping[str, object], where: str) -> Model:
    for key in row:
        if key not in KEYS:
            raise UnknownName("key", str(key), KEYS, f"{where}: ")
    for key in ("quality", "speed"):
        if before is None and key not in row:
            raise ConfigurationError(f"{where}.{key}: missing; say from 0 to 1 how the model stands beside others")
    provider = row.get("provider", before.provider if before else None)
    if provider is not None and (not isinstance(provider, str) or not provider):
        raise ConfigurationError(f"{where}.provider: expected a provider's name, got {provider!r}")
    known = before or Model(name, 0.0, 0.0)
    return Model(
        name,
        quality=_number(row.get("quality", known.quality), 1, f"{where}.quality"),
        speed=_number(row.get("speed", known.speed), 1, f"{where}.speed"),
        efficiency=_number(row.get("efficiency", known.efficiency), MOST_EFFICIENCY, f"{where}.efficiency"),
        provider=provider,
    )


def _number(value: object, most: float, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or not 0 < value <= most:
        raise ConfigurationError(f"{where}: expected a number above 0, at most {most:g}, got {value!r}")
    return float(value)
