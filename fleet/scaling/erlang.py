"""How many slots keep the wait short? Erlang's delay formula, for arrays of pools.

Erlang B comes from the Poisson distribution through the regularised incomplete gamma function, in logarithms, so that
it neither overflows nor loops: 10 000 slots cost as much as one. The tail of the wait is the exponential of the M/G/k
approximation: P(wait > w) = C(k, a) exp(-2 (k - a) w / (S (1 + CV^2))).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincc, gammaln

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def blocking(slots: ArrayLike, load: ArrayLike) -> Floats:
    """Return Erlang B: the share of arrivals that find every slot busy when nobody waits."""
    k, a = np.broadcast_arrays(np.asarray(slots, dtype=float), np.asarray(load, dtype=float))
    some = np.maximum(a, 1e-12)
    chance = np.exp(k * np.log(some) - some - gammaln(k + 1.0)) / np.maximum(gammaincc(k + 1.0, some), 1e-300)
    return np.where(a > 0.0, np.minimum(chance, 1.0), np.where(k > 0, 0.0, 1.0))


def waiting(slots: ArrayLike, load: ArrayLike) -> Floats:
    """Return Erlang C: the share of arrivals that must wait; 1 where the load is not below the slots."""
    k, a = np.broadcast_arrays(np.asarray(slots, dtype=float), np.asarray(load, dtype=float))
    blocked = blocking(k, a)
    stable = k > a
    return np.where(stable, k * blocked / np.where(stable, k - a * (1.0 - blocked), 1.0), np.where(a > 0.0, 1.0, 0.0))


def late_share(slots: ArrayLike, load: ArrayLike, wait: ArrayLike, service: ArrayLike, variation: ArrayLike) -> Floats:
    """Return P(wait > `wait`) for mean `service` seconds with squared coefficient of variation `variation`."""
    k, a, w, s, v = (np.asarray(x, dtype=float) for x in (slots, load, wait, service, variation))
    decay = 2.0 * np.maximum(k - a, 0.0) * w / (s * (1.0 + v))
    return np.asarray(waiting(k, a) * np.exp(-decay))


def slots_for(load: ArrayLike, wait: ArrayLike, service: ArrayLike, variation: ArrayLike, share: ArrayLike) -> Ints:
    """Return the least number of slots at which no more than `share` of the tasks wait longer than `wait`."""
    given = (np.asarray(x, dtype=float) for x in (load, wait, service, variation, share))
    a, w, s, v, eps = np.broadcast_arrays(*given)
    low = np.floor(a).astype(np.int64)
    step = np.ceil(4.0 * np.sqrt(a) + 8.0).astype(np.int64)
    high = low + step
    while np.any(short := late_share(high, a, w, s, v) > eps):
        high = np.where(short, high + step, high)
        step = step * 2
    while np.any(high - low > 1):
        middle = (low + high) // 2
        enough = late_share(middle, a, w, s, v) <= eps
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(a > 0.0, high, 0).astype(np.int64)
