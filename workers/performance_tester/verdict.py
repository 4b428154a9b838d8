"""Is the measurement good enough?

Pure. Every threshold given is judged and named. When the generator itself was at its limit, a failed threshold says
nothing about the target and the verdict is `inconclusive`; a passed one stands: overload only makes numbers worse.
"""

from __future__ import annotations

from dataclasses import dataclass

from workers.performance_tester.payload import Thresholds
from workers.performance_tester.statistics import Measurement


@dataclass(frozen=True, slots=True)
class Check:
    """One threshold, what was measured, and whether it holds."""

    name: str
    limit: float
    measured: float | None
    holds: bool

    @property
    def reason(self) -> str:
        found = "nothing was measured" if self.measured is None else f"{self.measured:.4g}"
        relation = "at least" if self.name == "min_throughput" else "at most"
        return f"{self.name}: {found}, wanted {relation} {self.limit:.4g}: {'holds' if self.holds else 'broken'}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`pass`, `fail` or `inconclusive`, with a reason for every threshold."""

    outcome: str
    reasons: tuple[str, ...]


def judge(measurement: Measurement, thresholds: Thresholds) -> Verdict:
    """Compare a measurement with thresholds."""
    checks = check(measurement, thresholds)
    reasons = tuple(item.reason for item in checks)
    if not checks:
        return Verdict("pass", ("no threshold was given, so nothing was judged",))
    if all(item.holds for item in checks):
        return Verdict("pass", reasons)
    if measurement.generator.saturated:
        return Verdict(
            "inconclusive", ("the load generator was at its own limit: lower the rate or use more workers", *reasons)
        )
    return Verdict("fail", reasons)


def check(measurement: Measurement, thresholds: Thresholds) -> list[Check]:
    """Judge each threshold that was given."""
    checks = [
        _at_most(name, limit, measured)
        for name, limit, measured in (
            ("p50_ms", thresholds.p50_ms, measurement.p50_ms),
            ("p95_ms", thresholds.p95_ms, measurement.p95_ms),
            ("p99_ms", thresholds.p99_ms, measurement.p99_ms),
            ("error_rate", thresholds.error_rate, measurement.error_rate),
        )
        if limit is not None
    ]
    if thresholds.min_throughput is not None:
        holds = measurement.throughput >= thresholds.min_throughput
        checks.append(Check("min_throughput", thresholds.min_throughput, measurement.throughput, holds))
    return checks


def _at_most(name: str, limit: float, measured: float | None) -> Check:
    return Check(name, limit, measured, measured is not None and measured <= limit)
