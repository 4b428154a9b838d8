"""Which packages does this component's image need? Prints a requirements file.

    python requirements.py COMPONENT [--pyproject pyproject.toml]

Dependencies stand once, in pyproject.toml; components.toml beside this file says what a component leaves out or adds.
Added packages are looked up among the optional dependencies, so that their versions stand once too.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

COMPONENTS = Path(__file__).with_name("components.toml")


def package(requirement: str) -> str:
    """Return the bare name of a requirement: `celery[redis]>=5.7` is celery."""
    return re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0].lower()


def requirements(component: str, project: Mapping[str, Any], components: Mapping[str, Any]) -> list[str]:
    """Return the requirement lines of one component."""
    if component not in components:
        raise SystemExit(f"no component {component!r}: components.toml declares {', '.join(sorted(components))}")
    row = components[component]
    declared = list(project["dependencies"])
    optional = [line for group in project.get("optional-dependencies", {}).values() for line in group]
    _check(component, row["leave_out"], {package(line) for line in declared})
    _check(component, row["add"], {package(line) for line in optional})
    kept = [line for line in declared if package(line) not in row["leave_out"]]
    return kept + sorted({line for line in optional if package(line) in row["add"]})


def _check(component: str, named: Iterable[str], known: set[str]) -> None:
    if unknown := sorted(set(named) - known):
        raise SystemExit(f"components.toml, {component}: pyproject.toml declares no {', '.join(unknown)}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Print the requirements of one component's image.")
    parser.add_argument("component")
    parser.add_argument("--pyproject", type=Path, default=Path("pyproject.toml"))
    arguments = parser.parse_args()
    project = tomllib.loads(arguments.pyproject.read_text())["project"]
    sys.stdout.write(
        "\n".join(requirements(arguments.component, project, tomllib.loads(COMPONENTS.read_text()))) + "\n"
    )


if __name__ == "__main__":
    main()
