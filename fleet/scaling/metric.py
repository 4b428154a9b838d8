"""Which metric value makes the HPA land on exactly the target?

With tolerance 0 it is the target itself. With the usual 10 % tolerance the HPA ignores a value that is near the
present size, so a small step takes two: first a size just past the band, then, from there, the target. The detour
always leads upwards, so the pool is never smaller than its target, and the surplus pods are gone before they were
ready.
"""

from __future__ import annotations

import math

METRIC_NAME = "fleet-target-replicas"
TARGET_SIZE = 1.0
"""The metric is in replicas, so one replica is the average value the HPA aims at."""
_HAIR = 1e-9


def value(target: int, current: int, tolerance: float) -> float:
    """Return the metric for a pool of `current` replicas; each HPA sync asks again."""
    if tolerance <= 0.0 or current <= 0 or target == current or not _ignored(target, current, tolerance):
        return float(target)
    return float(_detour(target, current, tolerance))


def highest(maximum: int, tolerance: float) -> int:
    """Return the `maxReplicaCount` that leaves room for the detours of a pool of at most `maximum` replicas."""
    if tolerance <= 0.0:
        return maximum
    return max((_detour(maximum, size, tolerance) for size in _ignored_sizes(maximum, tolerance)), default=maximum)


def _ignored(target: int, current: int, tolerance: float) -> bool:
    """Tell whether the HPA would leave `current` as it is."""
    ratio = target / current
    return 1.0 - tolerance - _HAIR <= ratio <= 1.0 + tolerance + _HAIR


def _ignored_sizes(target: int, tolerance: float) -> list[int]:
    widest = math.ceil(target / (1.0 - tolerance)) + 1
    return [size for size in range(1, widest + 1) if size != target and _ignored(target, size, tolerance)]


def _detour(target: int, current: int, tolerance: float) -> int:
    """Return the least size above both bands: reachable from `current`, and one that `target` is reachable from."""
    past_current = math.floor(current * (1.0 + tolerance) + _HAIR) + 1
    past_target = math.floor(target / (1.0 - tolerance) + _HAIR) + 1
    return max(past_current, past_target)
