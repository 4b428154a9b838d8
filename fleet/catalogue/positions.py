"""Where in the file does this value stand?

YAML read through its node graph, so that every complaint can name file, line and column, and duplicate keys are refused
rather than silently overwritten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from fleet.errors import ConfigurationError

# libyaml's parser is ten times as fast; its complaints name the same places.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data, and the (line, column) of every value and key in it, counted from 1."""

    name: str
    data: Any
    marks: Mapping[Path, tuple[int, int]]

    def where(self, path: Path) -> str:
        """Return `file:line:column` of the value, or of its nearest declared parent."""
        for depth in range(len(path), -1, -1):
            if path[:depth] in self.marks:
                line, column = self.marks[path[:depth]]
                return f"{self.name}:{line}:{column}"
        return self.name


def read(text: str, name: str) -> Document:
    """Parse YAML text; a syntax error or a doubled key names its place."""
    marks: dict[Path, tuple[int, int]] = {}
    try:
        node = yaml.compose(text, Loader=LOADER)
        if node is not None:
            _walk(node, (), marks, name)
        return Document(name, yaml.load(text, Loader=LOADER), marks)  # nosec B506 - a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise ConfigurationError(f"{place}: {error.problem or error}") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise ConfigurationError(f"{name}: is not YAML that can be read: {error}") from None


def _walk(node: yaml.Node, path: Path, marks: dict[Path, tuple[int, int]], name: str) -> None:
    marks.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigurationError(f"{name}:{key.start_mark.line + 1}:{key.start_mark.column + 1}: a key is a plain name")
            if key.value in seen:
                raise ConfigurationError(
                    f"{name}:{key.start_mark.line + 1}:{key.start_mark.column + 1}: {key.value!r} is declared twice"
                )
            seen.add(key.value)
            marks[(*path, key.value)] = (key.start_mark.line + 1, key.start_mark.column + 1)
            _walk(value, (*path, key.value), marks, name)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(value, (*path, index), marks, name)
