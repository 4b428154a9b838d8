"""Is every value explained, and do schema, values and README say the same?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from rendering import CHART
from values_table import README, documented, leaves, undocumented, with_table

TEXT = (CHART / "values.yaml").read_text()
VALUES = yaml.safe_load(TEXT)
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
# Optional in every program or pool, so not spelled out in values.yaml each time; its comment lists them.
PLACEMENT = {
    "image",
    "podAnnotations",
    "podLabels",
    "nodeSelector",
    "tolerations",
    "affinity",
    "priorityClassName",
    "extraEnv",
    "envFromSecrets",
}


def test_every_value_is_explained() -> None:
    assert undocumented(TEXT) == []
    assert len(documented(TEXT)) > 100


def test_the_readme_shows_the_values_as_they_are() -> None:
    assert README.read_text() == with_table(README.read_text(), TEXT), "run `make chart-readme`"


def test_the_schema_knows_no_value_that_values_do_not_show() -> None:
    shown = set(leaves(VALUES)) | {path[:depth] for path in leaves(VALUES) for depth in range(1, len(path))}
    hidden = [
        path
        for path in known(SCHEMA)
        if path not in shown and path[-1] not in PLACEMENT and not set(path) & PLACEMENT and path[0] != "global"
    ]
    assert hidden == []


@pytest.mark.parametrize("node", ["root", *SCHEMA["$defs"]])
def test_no_object_takes_unknown_fields(node: str) -> None:
    """Only what is handed to Kubernetes as it is (affinity, peers' selectors ...) stays open."""
    start = SCHEMA if node == "root" else SCHEMA["$defs"][node]
    for path, found in objects(start):
        if (
            "properties" in found
            and "required" in found
            and found["required"] == ["name"]
            and len(found["properties"]) == 1
        ):
            continue  # an environment variable: name is ours, the rest is Kubernetes'
        assert "properties" not in found or found.get("additionalProperties") is False, (node, path)


def known(node: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every property the schema names."""
    for name, found in node.get("properties", {}).items():
        here = (*path, name)
        yield here
        yield from known(resolve(found), here)


def resolve(node: dict[str, Any]) -> dict[str, Any]:
    return SCHEMA["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node


def objects(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield path, node
        for key, value in node.items():
            if key != "$defs":
                yield from objects(value, f"{path}/{key}")
    elif isinstance(node, list):
        for value in node:
            yield from objects(value, path)
