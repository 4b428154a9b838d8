"""Does what a smoke test submits by itself fit the task types as they are declared?"""

from __future__ import annotations

import pytest

from fleet.catalogue.load import load, payload_model
from fleet.release.smoke import SMALL


@pytest.mark.parametrize("task_type", SMALL)
def test_small_tasks_are_declared_and_valid(task_type: str) -> None:
    model = payload_model(load(), task_type)
    assert model is not None
    model.model_validate(SMALL[task_type])
