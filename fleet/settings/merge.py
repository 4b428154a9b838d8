"""Which value applies, and where does it come from?

Defaults, then the file's `settings` section, then the environment (`FLEET_<GROUP>__<FIELD>`). A name nobody declared is
refused: a typo must not be a default.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from fleet.errors import ConfigurationError, UnknownName
from fleet.settings.whole import Settings

Origin = Literal["default", "file", "environment", "state directory"]
PREFIX = "FLEET_"
FILE_VARIABLE = "FLEET_FILE"
SECRET_PREFIX = "FLEET_SECRET_"  # pragma: allowlist secret
"""Variables that hold secrets (`fleet.secrets.environment`) and no settings."""
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
        if not variable.startswith(PREFIX) or variable in NOT_SETTINGS or variable.startswith(SECRET_PREFIX):
            continue
        path = tuple(variable[len(PREFIX) :].lower().split("__"))
        _check_name(path, f"environment variable {variable}: ")
        _put(merged, path, _from_text(path, value))
        origins[".".join(path)] = "environment"
    try:
        settings = Settings.model_validate(merged)
        return Effective(_as_seen_from(settings, settings.cell), origins)
    except ValidationError as error:
        wrong = "; ".join(f"settings.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"settings are not valid: {wrong}") from None


def _leaves(tree: Mapping[str, Any], path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    leaves: list[tuple[tuple[str, ...], Any]] = []
    for key, value in tree.items():
        here = (*path, str(key))
        if (len(here) == 1 or here[0] == "cells") and isinstance(value, Mapping):
            leaves += _leaves(value, here)
        else:
            _check_name(here, "settings: ")
            leaves.append((here, value))
    return leaves


def _check_name(path: tuple[str, ...], where: str) -> None:
    annotation: Any = Settings
    for depth, part in enumerate(path):
        if get_origin(annotation) is Mapping:
            annotation = get_args(annotation)[1]  # any name will do here
            continue
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            raise UnknownName("setting", ".".join(path), [".".join(path[:depth])], where)
        if part not in annotation.model_fields:
            raise UnknownName(
                "setting", ".".join(path), [".".join((*path[:depth], name)) for name in annotation.model_fields], where
            )
        annotation = annotation.model_fields[part].annotation


def _from_text(path: tuple[str, ...], text: str) -> Any:
    annotation: Any = Settings
    for part in path:
        annotation = get_args(annotation)[1] if get_origin(annotation) is Mapping else annotation.model_fields[part].annotation
    is_list = bool(get_args(annotation)) and getattr(annotation, "__origin__", None) is tuple
    return tuple(item.strip() for item in text.split(",") if item.strip()) if is_list else text


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
    tree[path[-1]] = value


@cache
def load() -> Effective:
    """Return this process's settings, read once."""
    return of_file(catalogue_file())


def of_file(file: Path | None) -> Effective:
    """Return the settings a process with this catalogue file would have."""
    section: Mapping[str, Any] = {}
    if file is not None:
        import yaml

        try:
            document = yaml.safe_load(file.read_text()) or {}
        except yaml.YAMLError as error:
            raise ConfigurationError(f"{file} is not YAML that can be read: {error}") from None
        section = document.get("settings") or {} if isinstance(document, dict) else {}
    return build(section, os.environ)


_elsewhere: ContextVar[Settings | None] = ContextVar("fleet_cell", default=None)


def current() -> Settings:
    """Return the settings that apply to this process, or within `in_cell` to that cell."""
    return _elsewhere.get() or load().settings


def cell_names() -> tuple[str, ...]:
    """Return every cell of the fleet, this process's own first."""
    own = load().settings
    return (own.cell, *(name for name in own.cells if name != own.cell))


def named_cell() -> str:
    """Return the cell we speak to where that has to be said: a fleet of one cell names none."""
    settings = current()
    return settings.cell if settings.cells else ""


@contextmanager
def in_cell(name: str) -> Iterator[None]:
    """Let everything inside the block, in this thread or coroutine, speak to another cell of the fleet."""
    own = load().settings
    if name not in cell_names():
        raise UnknownName("cell", name, cell_names())
    token = _elsewhere.set(None if name == own.cell else _as_seen_from(own, name))
    try:
        yield
    finally:
        _elsewhere.reset(token)


def _as_seen_from(settings: Settings, cell: str) -> Settings:
    """Return the settings as a process of that cell has them; what the cell's row leaves out is its broker's own."""
    row = settings.cells.get(cell)
    if row is None:
        return settings
    broker = settings.broker
    if row.broker_url.get_secret_value() or row.store_url.get_secret_value():
        broker = broker.model_copy(update={"url": row.broker_url or broker.url, "store_url": row.store_url})
    return settings.model_copy(update={"cell": cell, "broker": broker})
