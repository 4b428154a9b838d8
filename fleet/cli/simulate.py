"""What would other settings have done? (`fleet simulate ...`)"""

from __future__ import annotations

import click

from fleet.cli.simulate_cells import cells
from fleet.cli.simulate_dispatch import dispatch
from fleet.cli.simulate_fleet import fleet
from fleet.cli.simulate_scaling import scaling


@click.group("simulate")
def simulate() -> None:
    """Try dispatch and scaling settings before they are trusted."""


simulate.add_command(dispatch)
simulate.add_command(scaling)
simulate.add_command(fleet)
simulate.add_command(cells)
