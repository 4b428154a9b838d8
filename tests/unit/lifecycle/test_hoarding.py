"""Is what a busy worker may keep to itself counted as Celery counts it?"""

from __future__ import annotations

import pytest

from fleet.lifecycle.hoarding import UNBOUNDED, hoarded


@pytest.mark.parametrize(
    ("multiplier", "is_late", "is_gated", "expected"),
    [
        (1, False, True, 0),  # the fleet on Redis
        (1, True, False, 0),  # the fleet on RabbitMQ
        (4, False, True, 0),  # behind the gate the multiplier means nothing
        (4, True, False, 6),  # Celery's default multiplier, acknowledged late
        (4, False, False, 8),
        (1, False, False, 2),
        (0, True, False, UNBOUNDED),
    ],
)
def test_hoard(multiplier: int, is_late: bool, is_gated: bool, expected: int) -> None:
    assert hoarded(2, multiplier, is_late=is_late, is_gated=is_gated) == expected
