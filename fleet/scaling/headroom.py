"""How much spare capacity do the violations we see call for?

Adaptive conformal inference: the factor on the headroom rises by `gain` with every late task and falls by `gain` x
the share aimed at with every task that started. Whatever the workload, the long-run share of late tasks tends to that
one, because the factor only rests where both balance. It tends from above, so the aim is a little inside what is allowed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class HeadroomSettings:
    """How fast the factor learns and how far it may go."""

    allowed_share: float = 0.01
    aim: float = 0.8
    """Part of the allowed share that is aimed at."""
    gain: float = 0.01
    least: float = 0.1
    most: float = 5.0


def adapt(factor: ArrayLike, started: ArrayLike, late: ArrayLike, settings: HeadroomSettings) -> NDArray[np.float64]:
    """Return the next factor after `late` of `started` tasks had waited longer than the goal."""
    surprise = np.asarray(late, dtype=float) - settings.aim * settings.allowed_share * np.asarray(started, dtype=float)
    return np.clip(np.asarray(factor, dtype=float) + settings.gain * surprise, settings.least, settings.most)
