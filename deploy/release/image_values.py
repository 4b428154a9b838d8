"""Which values install exactly the images that were built?

    python image_values.py '{"control": "ghcr.io/o/agent-fleet@sha256:...", "code-generator": "..."}'

Prints chart values: the control image for the fleet's programs, each worker image for the pool of its agent type.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from typing import Any

REFERENCE = re.compile(r"^(?P<registry>[^/]+)/(?P<repository>[^@:]+)@(?P<digest>sha256:[0-9a-f]{64})$")


def values(images: Mapping[str, str]) -> dict[str, Any]:
    """Return chart values that name every image by its digest."""
    found = {component: _parts(component, reference) for component, reference in images.items()}
    if "control" not in found:
        raise SystemExit(f"no image of `control` among {', '.join(sorted(found)) or 'nothing'}")
    workers = {
        component.replace("-", "_"): {"image": parts} for component, parts in found.items() if component != "control"
    }
    return {"image": found["control"], "pools": workers}


def _parts(component: str, reference: str) -> dict[str, str]:
    match = REFERENCE.match(reference)
    if match is None:
        raise SystemExit(f"{component}: {reference!r} is no registry/repository@sha256:digest")
    return match.groupdict()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(values(json.loads(sys.argv[1])), indent=2) + "\n")
