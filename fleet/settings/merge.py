"""Which value applies, and where does it come from?

Defaults, then the file's `settings` section, then the environment (`FLEET_<GROUP>__<FIELD>`). A name nobody declared is
refused: a typo must not be a default.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ValidationError

from fleet.errors import ConfigurationError, UnknownName
from fleet.settings.groups import Settings

Origin = Literal["default", "file", "environment", "state directory"]
PREFIX = "FLEET_"
FILE_VARIABLE = "FLEET_FILE"
NOT_SETTINGS = frozenset({FILE_VARIABLE, "FLEET_TEST_SCALE", "FLEET_POOL", "FLEET_WORKER_ID"})


@dataclass(frozen=True, slots=True)
class Effective:
    """Settings as they apply, and where each overridden one came from."""

    settings: Settings
    origins: Mapping[str, Origin]


def catalogue_file(environment: Mapping[str, str] | None = None) -> Path | None:
    """Return the user's file: what `FLEET_FILE` names, else `fleet.yaml` here, else none."""
    environment = os.environ if environment is None else environment
    if named := environment.get(FILE_VARIABLE):
        if not Path(named).is_file():
            raise ConfigurationError(
                f"{FILE_VARIABLE} names {named!r}, which is no file: create it or unset the variable"
            )
        return Path(named)
    here = Path("fleet.yaml")
    return here if here.is_file() else None


def build(from_file: Mapping[str, Any], environment: Mapping[str, str]) -> Effective:
    """Merge defaults, the file's `settings` section and the environment; refuse unknown names."""
    merged: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for path, value in _leaves(from_file):
        _put(merged, path, value)
        origins[".".join(path)] = "file"
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable in NOT_SETTINGS:
            continue
        path = tuple(variable[len(PREFIX) :].lower().split("__"))
        _check_name(path, f"environment variable {variable}: ")
        _put(merged, path, _from_text(path, value))
        origins[".".join(path)] = "environment"
    try:
        return Effective(Settings.model_validate(merged), origins)
    except ValidationError as error:
        wrong = "; ".join(f"settings.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"settings are not valid: {wrong}") from None


def _leaves(tree: Mapping[str, Any], path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    leaves: list[tuple[tuple[str, ...], Any]] = []
    for key, value in tree.items():
        here = (*path, str(key))
        if len(here) == 1 and isinstance(value, Mapping):
            leaves += _leaves(value, here)
        else:
            _check_name(here, "settings: ")
            leaves.append((here, value))
    return leaves


def _check_name(path: tuple[str, ...], where: str) -> None:
    model: type[BaseModel] = Settings
    for depth, part in enumerate(path):
        if part not in model.model_fields:
            raise UnknownName(
                "setting", ".".join(path), [".".join((*path[:depth], name)) for name in model.model_fields], where
            )
        annotation = model.model_fields[part].annotation
        if depth < len(path) - 1:
            if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
                raise UnknownName("setting", ".".join(path), [".".join(path[: depth + 1])], where)
            model = annotation


def _from_text(path: tuple[str, ...], text: str) -> Any:
    model: type[BaseModel] = Settings
    for part in path[:-1]:
        annotation = model.model_fields[part].annotation
        assert isinstance(annotation, type)
        model = annotation
    annotation = model.model_fields[path[-1]].annotation
    is_list = bool(get_args(annotation)) and getattr(annotation, "__origin__", None) is tuple
    return tuple(item.strip() for item in text.split(",") if item.strip()) if is_list else text


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
    tree[path[-1]] = value


@cache
def load() -> Effective:
    """Return this process's settings, read once."""
    file = catalogue_file()
    section: Mapping[str, Any] = {}
    if file is not None:
        import yaml

        try:
            document = yaml.safe_load(file.read_text()) or {}
        except yaml.YAMLError as error:
            raise ConfigurationError(f"{file} is not YAML that can be read: {error}") from None
        section = document.get("settings") or {} if isinstance(document, dict) else {}
    return build(section, os.environ)


def current() -> Settings:
    """Return the settings that apply to this process."""
    return load().settings
