"""Which names may stand in a path?"""

from __future__ import annotations

import pytest

from fleet.gateway.incoming import named
from fleet.gateway.problems import Problem


@pytest.mark.parametrize("name", ["b29056a8-74b0-4b96-a149-1bc4dd4195cf", "code_generator", "code_generator@2026.1-rc"])
def test_tasks_pools_and_versions_of_pools(name: str) -> None:
    assert named("pool", name) == name


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 129, "ä"])
def test_nothing_else(name: str) -> None:
    with pytest.raises(Problem) as refused:
        named("pool", name)
    assert refused.value.status == 422
