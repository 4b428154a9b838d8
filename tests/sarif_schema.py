"""Is a log SARIF 2.1.0, by the official schema?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
_VALIDATOR = Draft4Validator(SCHEMA)


def sarif_errors(log: dict[str, Any]) -> list[str]:
    """Say where and how `log` breaks the schema; nothing when it is valid."""
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in _VALIDATOR.iter_errors(log)]
