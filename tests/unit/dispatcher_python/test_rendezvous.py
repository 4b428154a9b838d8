"""Does every tenant have one home, in proportion to weights, that changes only when its own cell does?"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import hypothesis.strategies as st
import pytest
from hypothesis import given

from fleet.dispatcher.cells.rendezvous import preference

NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)
CELLS = st.dictionaries(NAMES, st.floats(0.1, 100), min_size=1, max_size=8)


@given(st.text(min_size=1), CELLS)
def test_every_cell_is_named_once_whatever_the_order(tenant: str, cells: dict[str, float]) -> None:
    found = preference(tenant, cells)
    assert sorted(found) == sorted(cells)
    assert found == preference(tenant, dict(reversed(cells.items())))


@given(st.text(min_size=1), CELLS, st.data())
def test_a_cell_that_goes_moves_its_own_tenants_only(tenant: str, cells: dict[str, float], data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(sorted(cells)))
    before = preference(tenant, cells)
    after = preference(tenant, {name: weight for name, weight in cells.items() if name != gone})
    assert after == tuple(name for name in before if name != gone)


@given(st.text(min_size=1), CELLS, st.data())
def test_a_heavier_cell_only_draws_tenants_to_itself(tenant: str, cells: dict[str, float], data: st.DataObject) -> None:
    grown = data.draw(st.sampled_from(sorted(cells)))
    before, after = preference(tenant, cells)[0], preference(tenant, cells | {grown: cells[grown] * 2})[0]
    assert after in (before, grown)


def test_shares_follow_the_weights() -> None:
    cells = {"east": 2.0, "west": 1.0, "north": 1.0}
    homes = Counter(preference(f"tenant{number}", cells)[0] for number in range(20_000))
    for name, weight in cells.items():
        assert homes[name] / 20_000 == pytest.approx(weight / 4, abs=0.015)


def test_another_process_agrees() -> None:
    code = "from fleet.dispatcher.cells.rendezvous import preference; print(preference('acme', {'a': 1, 'b': 1, 'c': 1, 'd': 1}))"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    assert said == str(preference("acme", {"a": 1, "b": 1, "c": 1, "d": 1}))
