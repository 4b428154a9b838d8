"""How are the rows of a catalogue section written?

As a list of rows, or as a mapping of names to rows (or to lists of rows, for prices with dates); both mean the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fleet.errors import ConfigurationError


def named_rows(section: object, where: str, name_key: str) -> Iterator[tuple[str, Any]]:
    """Yield each row with its place; rows of a mapping get their name as `name_key`."""
    match section:
        case None:
            return
        case list():
            for index, row in enumerate(section):
                yield f"{where}[{index}]", row
        case Mapping():
            for name, content in section.items():
                rows = content if isinstance(content, list) else [content]
                for index, row in enumerate(rows):
                    place = f"{where}.{name}" + (f"[{index}]" if len(rows) > 1 else "")
                    if not isinstance(row, Mapping):
                        raise ConfigurationError(f"{place}: expected a mapping of keys, got {row!r}")
                    if name_key in row:
                        raise ConfigurationError(f"{place}.{name_key}: the row is already named {name!r}")
                    yield place, {name_key: str(name), **row}
        case _:
            raise ConfigurationError(f"{where}: expected a list or a mapping of rows, got {type(section).__name__}")
