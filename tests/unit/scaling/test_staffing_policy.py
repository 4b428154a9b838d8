"""Does the staffing policy ask for enough, and explain itself?"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fleet.scaling.pool import Need, PoolSnapshot, PoolState
from fleet.scaling.staffing import StaffingSettings, needs

SETTINGS = StaffingSettings()


def snapshot(**changed: object) -> PoolSnapshot:
    steady = PoolSnapshot(
        "pool",
        slots_per_replica=4,
        ready=5,
        running=12,
        arrived=9,
        arrived_seconds=180.0,
        arrived_square_seconds=3600.0,
        started=9,
        service_seconds=20.0,
        service_square_seconds=800.0,
    )
    return replace(steady, **changed)  # type: ignore[arg-type]


def after(snap: PoolSnapshot, ticks: int, state: PoolState | None = None, start: float = 1000.0) -> Need:
    state = state or PoolState("pool", replicas=snap.ready)
    for tick in range(ticks):
        need = needs([snap], [state], SETTINGS, start + tick * SETTINGS.tick_seconds)[0]
        state = replace(need.state, replicas=need.replicas)
    return need


def test_steady_load_gets_more_slots_than_load_but_not_twice() -> None:
    need = after(snapshot(), 40)
    assert 12 < need.replicas * 4 <= 24
    assert need.inputs["load"] == 12.0
    assert "load 12.0 slots" in need.reason


def test_waiting_work_adds_replicas() -> None:
    calm = after(snapshot(), 40)
    busy = needs([snapshot(held=200, held_seconds=4000.0)], [calm.state], SETTINGS, 2000.0)[0]
    assert busy.replicas > calm.replicas
    assert "200 waiting tasks" in busy.reason


def test_a_backlog_already_answered_does_not_pile_up() -> None:
    need = after(snapshot(held=100, held_seconds=2000.0), 20)
    assert need.replicas * 4 <= 12 + 2000.0 / SETTINGS.drain_seconds + 24


def test_quiet_falls_to_zero_only_when_nothing_is_left() -> None:
    quiet = snapshot(arrived=0, arrived_seconds=0.0, arrived_square_seconds=0.0, started=0, running=0)
    assert after(quiet, 45, after(snapshot(), 40).state, 2000.0).replicas == 0
    assert after(replace(quiet, running=1), 45, after(snapshot(), 40).state, 2000.0).replicas == 1


def test_a_need_falls_only_after_it_was_kept() -> None:
    high = after(snapshot(held=100, held_seconds=2000.0), 3)
    first = needs([snapshot()], [high.state], SETTINGS, 1045.0)[0]
    assert first.replicas == max(high.state.needs[-1], first.state.needs[-1])
    assert "kept from the last ticks" in first.reason


def test_waits_for_a_start_from_zero_do_not_raise_the_headroom() -> None:
    closed = needs([snapshot(ready=0, held=20, held_seconds=400.0)], [PoolState("pool")], SETTINGS, 1000.0)[0]
    opened = snapshot(started=20, late=20)
    assert needs([opened], [closed.state], SETTINGS, 1015.0)[0].inputs["headroom"] == closed.inputs["headroom"]
    serving = replace(closed.state, cold=False)
    assert needs([opened], [serving], SETTINGS, 1015.0)[0].inputs["headroom"] > closed.inputs["headroom"]


def test_a_clock_that_steps_back_changes_nothing() -> None:
    state = after(snapshot(), 40).state
    forward = needs([snapshot()], [state], SETTINGS, (state.at or 0.0) + 15.0)[0]
    stepped = needs([snapshot()], [state], SETTINGS, 5.0)[0]
    assert stepped.replicas == forward.replicas


def test_counts_over_a_long_silence_are_spread_over_it() -> None:
    state = after(snapshot(), 40).state
    late = snapshot(arrived=360, arrived_seconds=7200.0, arrived_square_seconds=144_000.0)
    assert needs([late], [state], SETTINGS, (state.at or 0.0) + 600.0)[0].inputs["load"] == 12.0


@given(
    running=st.integers(0, 5000),
    held=st.integers(0, 10_000),
    arrived=st.integers(0, 1000),
    late=st.integers(0, 1000),
    service=st.floats(0.01, 3600.0),
    slots=st.integers(1, 100),
)
def test_never_less_than_most_of_what_is_running(
    running: int, held: int, arrived: int, late: int, service: float, slots: int
) -> None:
    snap = snapshot(
        running=running,
        held=held,
        held_seconds=held * service,
        arrived=arrived,
        arrived_seconds=arrived * service,
        arrived_square_seconds=arrived * service**2,
        started=arrived,
        late=min(late, arrived),
        service_seconds=service,
        service_square_seconds=2 * service**2,
        slots_per_replica=slots,
    )
    need = needs([snap], [PoolState("pool", replicas=5)], SETTINGS, 1000.0)[0]
    assert need.replicas * slots >= SETTINGS.running_share * running - slots * SETTINGS.rounding - 1e-6
    assert need.replicas >= 1 or snap.work == 0
