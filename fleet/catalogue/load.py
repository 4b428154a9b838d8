"""What is declared, all sources taken together?

Defaults in the package, then installed packages (entry point `agent_fleet.agents`), then the user's file; rows merge by
name, field by field. All complaints are gathered and raised at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from fleet.catalogue.declaration import AgentType, Catalogue, Pool, Row, TaskType
from fleet.catalogue.positions import Document, read
from fleet.errors import ConfigurationError, UnknownName, did_you_mean
from fleet.settings import catalogue_file, cell_names
from fleet.settings import current as current_settings

ROWS: Mapping[str, type[Row]] = {"agent_types": AgentType, "task_types": TaskType, "pools": Pool}
OTHER_SECTIONS = (
    "settings",
    "compatibility",
    "defaults",
    "budgets",
    "prices",
    "models",
    "alerts",
    "limits",
    "quotas",
    "downgrades",
    "tenants",
    "slos",
)
ENTRY_POINT = "agent_fleet.agents"


def load(file: Path | None = None) -> Catalogue:
    """Read defaults, installed packages and the user's file, if there is one."""
    documents = [read(files("fleet.catalogue").joinpath("defaults.yaml").read_text(), "defaults.yaml"), *_installed()]
    if file is not None:
        own = read(file.read_text(), str(file))
        if isinstance(own.data, dict) and own.data.get("defaults") is False:
            documents = []
        documents.append(own)
    return combine(documents)


@cache
def whole() -> Catalogue:
    """Return what is declared for all cells together, read once."""
    return load(catalogue_file())


def current() -> Catalogue:
    """Return what is declared for the cell that `fleet.settings.current` speaks of."""
    return _of_cell(current_settings().cell)


@cache
def _of_cell(cell: str) -> Catalogue:
    return whole().within(cell)


def forget() -> None:
    """Read the file anew next time."""
    whole.cache_clear()
    _of_cell.cache_clear()


def _installed() -> Iterable[Document]:
    """Each entry point names a module or package that carries a `fleet.yaml` fragment beside its code."""
    for point in sorted(entry_points(group=ENTRY_POINT), key=lambda p: p.name):
        package = point.value.partition(":")[0]
        yield read(files(package).joinpath("fleet.yaml").read_text(), f"{package}/fleet.yaml")


def combine(documents: Iterable[Document]) -> Catalogue:
    """Merge documents in order, validate every row and reference, and raise all complaints together."""
    complaints: list[str] = []
    merged: dict[str, dict[str, dict[str, Any]]] = {section: {} for section in ROWS}
    homes: dict[tuple[str, str], Document] = {}
    compatibility: dict[str, dict[str, float]] = {}
    sections: dict[str, Any] = {}
    for document in documents:
        if document.data is None:
            continue
        if not isinstance(document.data, dict):
            raise ConfigurationError(
                f"{document.where(())}: a catalogue is a mapping of sections, this is a {type(document.data).__name__}"
            )
        for section, content in document.data.items():
            if section in ROWS:
                complaints += _merge_rows(document, section, content, merged[section], homes)
            elif section == "compatibility":
                complaints += _merge_compatibility(document, content, compatibility)
            elif section in OTHER_SECTIONS:
                sections[section] = content
            else:
                known = [*ROWS, *OTHER_SECTIONS]
                complaints.append(
                    f"{document.where((section,))}: unknown section {section!r}{did_you_mean(str(section), known)}"
                )
    rows = {section: _validate(section, merged[section], homes, complaints) for section in ROWS}
    catalogue = Catalogue.model_construct(None, compatibility=compatibility, sections=sections, **rows)
    if not complaints:
        complaints += _check_references(catalogue, homes)
    if complaints:
        raise ConfigurationError("the catalogue is not valid:\n  " + "\n  ".join(complaints))
    return catalogue


def _merge_rows(
    document: Document,
    section: str,
    content: Any,
    into: dict[str, dict[str, Any]],
    homes: dict[tuple[str, str], Document],
) -> list[str]:
    if not isinstance(content, dict):
        return [f"{document.where((section,))}: {section} is a mapping of names to rows"]
    complaints = []
    for name, row in content.items():
        if row is None and name in into:
            del into[name]  # `pool: null` removes a default
            continue
        if not isinstance(row, dict):
            complaints.append(
                f"{document.where((section, name))}: {section}.{name} is a mapping of fields, this is {row!r}"
            )
            continue
        into[name] = {**into.get(name, {}), **row, "name": name}
        homes[(section, name)] = document
    return complaints


def _merge_compatibility(document: Document, content: Any, into: dict[str, dict[str, float]]) -> list[str]:
    if not isinstance(content, dict) or not all(isinstance(row, dict) for row in content.values()):
        return [f"{document.where(('compatibility',))}: compatibility maps task type -> agent type -> score"]
    complaints = []
    for task_type, row in content.items():
        for agent_type, score in row.items():
            if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
                complaints.append(
                    f"{document.where(('compatibility', task_type, agent_type))}: compatibility is a number from 0 to 1, not {score!r}"
                )
            else:
                into.setdefault(task_type, {})[agent_type] = float(score)
    return complaints


def _validate(
    section: str, rows: Mapping[str, dict[str, Any]], homes: Mapping[tuple[str, str], Document], complaints: list[str]
) -> dict[str, Any]:
    model, valid = ROWS[section], {}
    for name, row in rows.items():
        try:
            valid[name] = model.model_validate(row)
        except ValidationError as error:
            home = homes[(section, name)]
            for problem in error.errors():
                place = home.where((section, name, *problem["loc"]))
                field = ".".join(map(str, problem["loc"]))
                hint = did_you_mean(field, model.model_fields) if problem["type"] == "extra_forbidden" else ""
                text = "unknown field" if problem["type"] == "extra_forbidden" else problem["msg"]
                complaints.append(f"{place}: {section}.{name}{'.' if field else ''}{field}: {text}{hint}")
    return valid


def _check_references(catalogue: Catalogue, homes: Mapping[tuple[str, str], Document]) -> list[str]:
    complaints = []
    for agent in catalogue.agent_types.values():
        named = [(field, *row) for field in ("runs", "publishes") for row in enumerate(getattr(agent, field))]
        for field, index, task_type in named:
            if task_type not in catalogue.task_types:
                place = homes[("agent_types", agent.name)].where(("agent_types", agent.name, field, index))
                complaints.append(str(UnknownName("task type", task_type, catalogue.task_types, f"{place}: ")))
    queues: dict[str, str] = {}
    for pool in catalogue.pools.values():
        home = homes[("pools", pool.name)]
        if pool.agent_type not in catalogue.agent_types:
            place = home.where(("pools", pool.name, "agent_type"))
            complaints.append(str(UnknownName("agent type", pool.agent_type, catalogue.agent_types, f"{place}: ")))
        for index, cell in enumerate(pool.cells):
            if cell not in cell_names():
                place = home.where(("pools", pool.name, "cells", index))
                complaints.append(str(UnknownName("cell", cell, cell_names(), f"{place}: ")))
        if other := queues.get(pool.queue):
            complaints.append(
                f"{home.where(('pools', pool.name))}: pools {other!r} and {pool.name!r} share the queue {pool.queue!r}; give each its own"
            )
        queues[pool.queue] = pool.name
    return complaints


def payload_model(catalogue: Catalogue, task_type: str) -> type[BaseModel] | None:
    """Return the task type's payload model, imported, or None when any object will do."""
    path = catalogue.task_types[task_type].payload
    if path is None:
        return None
    from importlib import import_module

    module, _, name = path.partition(":")
    try:
        model = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"task type {task_type!r} names the payload {path!r}, which cannot be imported: {error}"
        ) from error
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise ConfigurationError(f"task type {task_type!r} names the payload {path!r}, which is not a pydantic model")
    return model
