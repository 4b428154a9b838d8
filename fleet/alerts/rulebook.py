"""What do the defaults and the user's file declare, taken together?

Rows merge by name, field by field; `name: null` removes one. Every error is reported at once, with file, line and
column, because a rule that is silently dropped is an alert that never comes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from fleet.alerts.rules import Channel, Row, Rule, RuleBook
from fleet.catalogue.positions import Document, read
from fleet.errors import ConfigurationError, did_you_mean

_Row = TypeVar("_Row", bound=Row)


def load(file: Path | None = None) -> RuleBook:
    """Return the defaults with the user's `alerts` section over them."""
    documents = [read(files("fleet.alerts").joinpath("defaults.yaml").read_text(), "defaults.yaml")]
    if file is not None:
        documents.append(read(file.read_text(), str(file)))
    return combine(documents)


def combine(documents: Sequence[Document]) -> RuleBook:
    """Merge the documents' `alerts` sections in order; raise every complaint at once."""
    complaints: list[str] = []
    rows: dict[str, dict[str, dict[str, Any]]] = {"rules": {}, "channels": {}}
    homes: dict[tuple[str, str], Document] = {}
    others: dict[str, Any] = {}
    for document in documents:
        section = (document.data or {}).get("alerts") or {}
        if not isinstance(section, dict):
            complaints.append(f"{document.where(('alerts',))}: alerts is a mapping")
            continue
        for key, content in section.items():
            if key not in RuleBook.model_fields:
                hint = did_you_mean(str(key), RuleBook.model_fields)
                complaints.append(f"{document.where(('alerts', key))}: unknown entry {key!r}{hint}")
            elif key in rows:
                complaints += _merge(document, key, content or {}, rows[key], homes)
            else:
                others[key] = content
    parsed: dict[str, Any] = {
        "rules": _validate("rules", Rule, rows["rules"], homes, complaints),
        "channels": _validate("channels", Channel, rows["channels"], homes, complaints),
    }
    try:
        book = RuleBook.model_validate(others)
    except ValidationError as error:
        place = documents[-1]
        for problem in error.errors():
            path = problem["loc"]
            complaints.append(f"{place.where(('alerts', *path))}: {'.'.join(map(str, path))}: {problem['msg']}")
        book = RuleBook()
    book = book.model_copy(update=parsed)
    complaints += _dangling(book, rows["rules"], rows["channels"], documents[-1])
    if complaints:
        raise ConfigurationError("the alert rules are not valid:\n  " + "\n  ".join(complaints))
    return book


def _merge(
    document: Document, key: str, content: Any, into: dict[str, dict[str, Any]], homes: dict[tuple[str, str], Document]
) -> list[str]:
    if not isinstance(content, dict):
        return [f"{document.where(('alerts', key))}: {key} is a mapping of names to fields"]
    complaints = []
    for name, row in content.items():
        if row is None:
            into.pop(name, None)
        elif isinstance(row, dict):
            into[name] = {**into.get(name, {}), **row, "name": name}
            homes[key, name] = document
        else:
            complaints.append(
                f"{document.where(('alerts', key, name))}: {name} is a mapping of fields, this is {row!r}"
            )
    return complaints


def _validate(
    key: str,
    model: type[_Row],
    rows: Mapping[str, dict[str, Any]],
    homes: Mapping[tuple[str, str], Document],
    complaints: list[str],
) -> dict[str, _Row]:
    valid = {}
    fields = [field.alias or name for name, field in model.model_fields.items()]
    for name, row in rows.items():
        try:
            valid[name] = model.model_validate(row)
        except ValidationError as error:
            for problem in error.errors():
                path = problem["loc"]
                place = homes[key, name].where(("alerts", key, name, *(path or ("expr",))))
                if problem["type"] == "extra_forbidden":
                    text = f"unknown field {path[-1]!r}{did_you_mean(str(path[-1]), fields)}"
                else:
                    field = ".".join(map(str, path))
                    text = f"{field}{': ' if path else ''}{problem['msg'].removeprefix('Value error, ')}"
                complaints.append(f"{place}: {key}.{name}: {text}")
    return valid


def _dangling(
    book: RuleBook, rules: Collection[str], channels: Collection[str], document: Document
) -> Iterator[str]:
    """Yield references to rules and channels nobody declared; what is declared wrongly was complained of already."""
    for severity, route in book.routes.items():
        for channel in route:
            if channel not in channels:
                hint = did_you_mean(channel, channels)
                yield f"{document.where(('alerts', 'routes', severity))}: unknown channel {channel!r}{hint}"
    for name, rule in book.rules.items():
        for channel in rule.channels:
            if channel not in channels:
                hint = did_you_mean(channel, channels)
                yield f"{document.where(('alerts', 'rules', name, 'channels'))}: unknown channel {channel!r}{hint}"
    for index, inhibition in enumerate(book.inhibitions):
        for name in (inhibition.source, *inhibition.mutes):
            if name not in rules:
                hint = did_you_mean(name, rules)
                yield f"{document.where(('alerts', 'inhibitions', index))}: unknown rule {name!r}{hint}"
