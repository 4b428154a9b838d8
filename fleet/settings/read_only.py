"""May this process change the fleet?

`FLEET_READ_ONLY=1` makes a terminal, a console or an assistant one that only looks, whatever rights its logins have.
"""

from __future__ import annotations

from fleet.errors import ReadOnly
from fleet.settings.merge import current


def refuse_when_read_only(what: str) -> None:
    """Raise `ReadOnly` where settings say that nothing may be changed from here."""
    if current().read_only:
        raise ReadOnly(f"{what} changes the fleet, and this process may only look: unset FLEET_READ_ONLY (read_only) to allow it")
