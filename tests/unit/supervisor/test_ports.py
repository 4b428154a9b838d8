"""At which port does a door of the local fleet open?"""

from __future__ import annotations

import pytest

from fleet.settings import load
from fleet.supervisor import programs


def test_a_port_that_somebody_configured_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_GATEWAY__PORT", "18123")
    load.cache_clear()
    assert programs.port("gateway.port") == 18123
    monkeypatch.undo()
    load.cache_clear()


def test_else_two_fleets_may_run_on_one_machine() -> None:
    load.cache_clear()
    assert programs.port("gateway.port") != load().settings.gateway.port
