"""Which values are there? Writes the table in the chart's README from the `# --` comments of values.yaml."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[2] / "charts/fleet"
README = CHART / "README.md"
BEGIN, END = "<!-- values: made by `make chart-readme` -->", "<!-- end of values -->"
KEY = re.compile(r"^( *)([A-Za-z_][\w.@-]*):")
SAID = re.compile(r"^ *# -- (.+)$")
LONGEST_DEFAULT = 60


def documented(text: str) -> dict[tuple[str, ...], str]:
    """Return path -> description for every key with a `# --` line right above it."""
    found: dict[tuple[str, ...], str] = {}
    path: list[tuple[int, str]] = []
    said = ""
    for line in text.splitlines():
        if match := SAID.match(line):
            said = match.group(1)
        elif match := KEY.match(line):
            indent = len(match.group(1))
            path = [(depth, key) for depth, key in path if depth < indent] + [(indent, match.group(2))]
            if said:
                found[tuple(key for _, key in path)] = said
            said = ""
        elif not line.strip().startswith("#"):
            said = ""
    return found


def leaves(values: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every value that is no non-empty mapping."""
    if isinstance(values, Mapping) and values:
        for key, value in values.items():
            yield from leaves(value, (*path, str(key)))
    else:
        yield path


def undocumented(text: str) -> list[str]:
    """Return the values neither they nor a parent of theirs is explained."""
    told = documented(text)
    return [
        ".".join(path)
        for path in leaves(yaml.safe_load(text))
        if not any(path[:depth] in told for depth in range(1, len(path) + 1))
    ]


def table(text: str) -> str:
    """Return the table as Markdown."""
    values = yaml.safe_load(text)
    rows = ["| value | default | meaning |", "|---|---|---|"]
    for path, said in documented(text).items():
        value = values
        for key in path:
            value = value[key]
        shown = json.dumps(value)
        shown = shown if len(shown) <= LONGEST_DEFAULT else "see values.yaml"
        rows.append(
            f"| `{'.'.join(path)}` | {'`' + shown + '`' if shown != 'see values.yaml' else shown} | {said.replace('|', chr(92) + '|')} |"
        )
    return "\n".join(rows)


def with_table(readme: str, text: str) -> str:
    """Return the README with its table made anew."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table(text)}\n\n{END}{after}"


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(), (CHART / "values.yaml").read_text()))
