"""Which knobs are there, what do they mean, and where did each value come from?

groups (what can be set) -> merge (defaults, file, environment) -> one frozen value a process.
"""

from fleet.settings.groups import (
    AgentSettings,
    AlertSettings,
    BackupSettings,
    BrokerSettings,
    CellSettings,
    CostSettings,
    DispatchSettings,
    GatewaySettings,
    Group,
    HealthSettings,
    LeaseSettings,
    LlmSettings,
    ReportSettings,
    ScalingSettings,
    SecretSettings,
    TelemetrySettings,
)
from fleet.settings.merge import (
    NOT_SETTINGS,
    PREFIX,
    SECRET_PREFIX,
    Effective,
    build,
    catalogue_file,
    cell_names,
    current,
    in_cell,
    load,
    named_cell,
)
from fleet.settings.whole import Settings

__all__ = [
    "NOT_SETTINGS",
    "PREFIX",
    "SECRET_PREFIX",
    "AgentSettings",
    "AlertSettings",
    "BackupSettings",
    "BrokerSettings",
    "CellSettings",
    "CostSettings",
    "DispatchSettings",
    "Effective",
    "GatewaySettings",
    "Group",
    "HealthSettings",
    "LeaseSettings",
    "LlmSettings",
    "ReportSettings",
    "ScalingSettings",
    "SecretSettings",
    "Settings",
    "TelemetrySettings",
    "build",
    "catalogue_file",
    "cell_names",
    "current",
    "in_cell",
    "load",
    "named_cell",
]
