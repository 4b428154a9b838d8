"""Which metric value makes the HPA land on exactly the target?

With tolerance 0 it is the target itself. With the usual 10 % tolerance the HPA ignores a value near its present size, so a
small step takes two: first to a size just past the band, then, from there, to the target. The detour always leads upwards,
so the pool is never smaller than its target, and it is short, so that surplus pods are gone before they have started.

Nobody tells us the HPA's size, but it follows from what it was given: the last targets are replayed, and every size it may
have by now is reckoned with. So all replicas of the scaler give the same answer, and none remembers anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

METRIC_NAME = "fleet-target-replicas"
TARGET_SIZE = 1.0
"""The metric is in replicas, so one replica is the average value the HPA aims at."""
SYNC_SECONDS = 20.0
"""Within this time the HPA has surely asked: it does every 15 s."""
PATIENCE_SECONDS = 60.0
"""How long a slightly smaller target must stand before it is worth a detour; a larger one is worth it at once."""
WINDOW_SECONDS = 600.0
"""How much of the past is replayed."""
_HAIR = 1e-9
Past = Sequence[tuple[float, int]]
"""Published targets as (when in seconds, replicas), oldest first, the present one last."""


def value(past: Past, tolerance: float, lost_seconds: float = 120.0) -> float:
    """Return the metric for the last target; after a gap, or a clock that stepped, the HPA may have any size, as at the start."""
    if tolerance <= 0.0:
        return float(past[-1][1])
    at, published = past[0]
    possible = _near(published, tolerance)
    changed = lower_since = before = at
    detour = False
    for at, target in past:
        obeyed = at - changed >= SYNC_SECONDS
        moved = {size if _ignored(published, size, tolerance) else published for size in possible}
        sizes = moved if obeyed else possible | moved
        if not 0.0 <= at - before <= lost_seconds:
            sizes |= _near(target, tolerance)
            possible, changed, lower_since = sizes, at, at
        before = at
        stuck = {size for size in sizes if size != target and _ignored(target, size, tolerance)}
        if not stuck or min(stuck) < target:
            lower_since = at
        if detour and not obeyed and published > target and not _ignored(target, published, tolerance):
            answer = published
        elif stuck and (min(stuck) < target or at - lower_since >= PATIENCE_SECONDS):
            answer = _detour(target, max(sizes | {target}), tolerance)
        else:
            answer = target
        if answer != published:
            possible, published, changed, detour = sizes, answer, at, answer > target
    return float(published)


def highest(maximum: int, tolerance: float) -> int:
    """Return the `maxReplicaCount` that leaves room for the detours of a pool of at most `maximum` replicas."""
    if tolerance <= 0.0:
        return maximum
    near = _near(maximum, tolerance) - {maximum}
    return max((_detour(maximum, size, tolerance) for size in near), default=maximum)


def _ignored(target: int, current: int, tolerance: float) -> bool:
    """Tell whether the HPA would leave `current` as it is."""
    return current > 0 and 1.0 - tolerance - _HAIR <= target / current <= 1.0 + tolerance + _HAIR


def _near(target: int, tolerance: float) -> set[int]:
    """Return the sizes from which the HPA ignores `target`, and the target."""
    least, most = math.floor(target / (1.0 + tolerance)), math.ceil(target / (1.0 - tolerance))
    return {size for size in range(least, most + 1) if _ignored(target, size, tolerance)} | {target}


def _detour(target: int, current: int, tolerance: float) -> int:
    """Return the least size above both bands: reachable from `current`, and one that `target` is reachable from."""
    past_current = math.floor(current * (1.0 + tolerance) + _HAIR) + 1
    past_target = math.floor(target / (1.0 - tolerance) + _HAIR) + 1
    return max(past_current, past_target)
