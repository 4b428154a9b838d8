"""How many replicas does queueing theory ask for?

Load expected (forecast) plus a square-root-like safety margin (Erlang C), stretched by how unevenly work arrives and
by the factor that past violations calibrate (headroom); more when work is already waiting, never less than what is
running.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fleet.scaling import erlang, headroom
from fleet.scaling.forecast import SIGNALS, Forecast, ForecastSettings, forecast, matrix
from fleet.scaling.plan import margin_needed
from fleet.scaling.pool import Need, PoolSnapshot, PoolState

Floats = NDArray[np.float64]
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class StaffingSettings:
    """One setting for every workload; the defaults are what the backtests report."""

    tick_seconds: float = 15.0
    promise: float = 0.5
    """Share of the pool's wait goal the staffing formula aims below."""
    promise_share: float = 0.01
    """Share of tasks that may exceed it."""
    backlog_seconds: float = 1.5
    """Backlog, in seconds of what the ready slots do, that calls for more than the forecast."""
    drain_seconds: float = 20.0
    """How fast a backlog should be worked off."""
    running_share: float = 0.9
    """Never fewer slots than this share of the running tasks."""
    rounding: float = 0.05
    """Part of a replica that is not worth a replica."""
    hold_seconds: float = 30.0
    """A need is kept this long before it may fall."""
    pooling: float = 0.5
    """How far margins of pools that share work are trusted to stand in for each other; 0: each pool alone."""
    size_memory: float = 0.02
    """Weight of a new task in the mean predicted work."""
    forecast: ForecastSettings = field(default_factory=ForecastSettings)
    headroom: headroom.HeadroomSettings = field(default_factory=headroom.HeadroomSettings)


def needs(
    snapshots: Sequence[PoolSnapshot], states: Sequence[PoolState], settings: StaffingSettings, now: float
) -> list[Need]:
    """Return what each pool needs; `states` are in the order of `snapshots`."""
    if not snapshots:
        return []
    elapsed = [_elapsed(state, settings.tick_seconds, now) for state in states]
    sizes = [_sizes(snap, state, settings) for snap, state in zip(snapshots, states, strict=True)]
    rows = [
        _extended(state.loads, snap.arrived_seconds / seconds, seconds, settings)
        for snap, state, seconds in zip(snapshots, states, elapsed, strict=True)
    ]
    loads, known = matrix(rows, settings.forecast.long_ticks)
    size = np.asarray(sizes)
    seasonal = _column(snapshots, lambda p: p.seasonal_load or 0.0)
    expected = forecast(loads, known, size[:, 0], size[:, 1], settings.tick_seconds, seasonal, settings.forecast)

    warm = np.asarray([not state.cold for state in states], dtype=float)
    factor = headroom.adapt(
        [state.headroom for state in states],
        _column(snapshots, lambda p: p.started) * warm,
        _column(snapshots, lambda p: p.late) * warm,
        settings.headroom,
    )
    slots, staffed, extra = _slots(snapshots, states, expected, factor, settings)
    per_replica = _column(snapshots, lambda p: p.slots_per_replica)
    wanted = np.ceil(slots / per_replica - settings.rounding).astype(int)
    work = _column(snapshots, lambda p: p.work)
    wanted = np.where((slots > 0) | (work > 0), np.maximum(wanted, 1), 0)
    kept = max(1, round(settings.hold_seconds / settings.tick_seconds))

    result = []
    for index, (snap, state) in enumerate(zip(snapshots, states, strict=True)):
        recent = (*state.needs, int(wanted[index]))[-kept:]
        inputs = {
            "load": float(expected.load[index]),
            "load_short": float(expected.short[index]),
            "load_long": float(expected.long[index]),
            "dispersion": float(expected.dispersion[index]),
            "headroom": float(factor[index]),
            "staffed_slots": float(staffed[index]),
            "backlog_slots": float(extra[index]),
            "slots": float(slots[index]),
        }
        reason = _reason(snap, SIGNALS[int(expected.signal[index])], inputs, int(wanted[index]), max(recent))
        memory = replace(
            state,
            at=now,
            loads=rows[index],
            size_seconds=sizes[index][0],
            size_square_seconds=sizes[index][1],
            headroom=float(factor[index]),
            needs=recent,
            cold=snap.ready == 0,
        )
        result.append(Need(max(recent), reason, inputs, memory))
    return result


def _slots(
    snapshots: Sequence[PoolSnapshot],
    states: Sequence[PoolState],
    expected: Forecast,
    factor: Floats,
    settings: StaffingSettings,
) -> tuple[Floats, Floats, Floats]:
    """Return slots needed, slots the formula alone asks for, and slots added for the backlog."""
    load = expected.load
    service = _column(snapshots, lambda p: max(p.service_seconds, 1e-3))
    square = _column(snapshots, lambda p: p.service_square_seconds)
    variation = np.maximum(square / service**2 - 1.0, 0.0)
    promise = settings.promise * _column(snapshots, lambda p: p.wait_goal_seconds)
    staffed = erlang.slots_for(load, promise, service, variation, settings.promise_share)
    margin = factor * np.sqrt(expected.dispersion) * (staffed - load)
    flexible = settings.pooling * _column(snapshots, lambda p: p.flexible if p.group else 0.0)
    groups = [p.group for p in snapshots]
    margin *= margin_needed(groups, flexible, load, promise, service, variation, settings.promise_share)
    slots = load + margin

    per_replica = _column(snapshots, lambda p: p.slots_per_replica)
    ordered = _column(states, lambda p: p.replicas) * per_replica
    ready = _column(snapshots, lambda p: p.ready) * per_replica
    backlog = _column(snapshots, lambda p: p.backlog_seconds)
    missing = np.maximum(0.0, backlog / settings.drain_seconds - np.maximum(0.0, ordered - load))
    waiting = backlog > settings.backlog_seconds * ready
    wanted = np.where(waiting, np.maximum(slots, ordered + missing), slots)
    busy = settings.running_share * _column(snapshots, lambda p: p.running)
    return np.maximum(wanted, busy), staffed.astype(float), np.maximum(wanted - slots, 0.0)


def _elapsed(state: PoolState, tick: float, now: float) -> float:
    """Return the seconds the counts cover; a stepped clock or a long silence counts as what it plausibly was."""
    if state.at is None or not 0.0 < now - state.at <= 3600.0:
        return tick
    return max(now - state.at, tick / 4.0)


def _extended(loads: tuple[float, ...], load: float, seconds: float, settings: StaffingSettings) -> tuple[float, ...]:
    missed = max(1, min(round(seconds / settings.tick_seconds), settings.forecast.long_ticks))
    return (*loads, *([load] * missed))[-settings.forecast.long_ticks :]


def _sizes(snap: PoolSnapshot, state: PoolState, settings: StaffingSettings) -> tuple[float, float]:
    if not snap.arrived:
        return state.size_seconds or snap.service_seconds, state.size_square_seconds or snap.service_square_seconds
    mean, square = snap.arrived_seconds / snap.arrived, snap.arrived_square_seconds / snap.arrived
    if not state.size_seconds:
        return mean, square
    kept = (1.0 - settings.size_memory) ** snap.arrived
    return kept * state.size_seconds + (1.0 - kept) * mean, kept * state.size_square_seconds + (1.0 - kept) * square


def _column(rows: Sequence[Row], read: Callable[[Row], float]) -> Floats:
    return np.fromiter(map(read, rows), dtype=float, count=len(rows))


def _reason(snap: PoolSnapshot, signal: str, inputs: dict[str, float], wanted: int, kept: int) -> str:
    text = f"load {inputs['load']:.1f} slots ({signal}), {inputs['slots']:.1f} with headroom x{inputs['headroom']:.2f}"
    if inputs["backlog_slots"] > 0:
        text += f", +{inputs['backlog_slots']:.1f} for {snap.held + snap.released} waiting tasks"
    if kept > wanted:
        text += f"; {wanted} would do now, {kept} kept from the last ticks"
    return text
