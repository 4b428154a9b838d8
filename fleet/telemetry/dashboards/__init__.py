"""The Grafana dashboards, as code; one file each. The chart ships what they build as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fleet.telemetry.dashboards import cost, fleet, pool, reliability

DASHBOARDS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "fleet": fleet.build,
    "pool": pool.build,
    "cost": cost.build,
    "reliability": reliability.build,
}
