"""Which fleet do end-to-end tests share?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from e2e.cell import Cell, running


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    """A broker and one worker with two slots that also serves plain Celery tasks."""
    with running(tmp_path_factory.mktemp("cell")) as cell:
        cell.start("steps", "steps", queues="fleet.steps,fleet.maintenance")
        yield cell


@pytest.fixture
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    """A cell of the test's own, to break."""
    with running(tmp_path_factory.mktemp("broken")) as cell:
        yield cell
