"""What can a fleet be told, all groups together?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, model_validator

from fleet.settings.groups import (
    AgentSettings,
    AlertSettings,
    BackupSettings,
    BrokerSettings,
    CellName,
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


class Settings(Group):
    """Everything a fleet can be told."""

    cell: CellName = "main"
    """Name of the cell this process belongs to: the part of the fleet that shares one Redis."""
    cells: Mapping[CellName, CellSettings] = {}
    """Every cell of the fleet; none: it has one."""
    state_dir: Path = Path(".fleet")
    """Where a local fleet keeps its broker's data, keys and ledger."""
    read_only: bool = False
    """Refuse every command, key and tool of this process that would change the fleet."""
    build: str = Field("", pattern=r"^[\x21-\x7e]{0,64}$")
    """What built these programs, told with workers and tasks; empty: the package's version. Images set it."""
    timezone: str = "UTC"
    """Time zone of schedules and reports; budget windows are always UTC."""
    broker: BrokerSettings = BrokerSettings()
    dispatch: DispatchSettings = DispatchSettings()
    leases: LeaseSettings = LeaseSettings()
    health: HealthSettings = HealthSettings()
    scaling: ScalingSettings = ScalingSettings()
    costs: CostSettings = CostSettings()
    alerts: AlertSettings = AlertSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    llm: LlmSettings = LlmSettings()
    agents: AgentSettings = AgentSettings()
    secrets: SecretSettings = SecretSettings()
    gateway: GatewaySettings = GatewaySettings()
    backup: BackupSettings = BackupSettings()
    reports: ReportSettings = ReportSettings()

    @model_validator(mode="after")
    def _check_cells(self) -> Settings:
        if self.cells and self.cell not in self.cells:
            raise ValueError(f"cell {self.cell!r} is none of the declared cells: {', '.join(self.cells)}")
        for name, row in self.cells.items():
            if name != self.cell and not (row.broker_url.get_secret_value() or row.store_url.get_secret_value()):
                raise ValueError(f"cells.{name} has no broker_url: only the cell a process belongs to may leave it out")
        return self
