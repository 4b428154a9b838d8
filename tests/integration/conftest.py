"""Which real servers may an integration test ask for, beside the broker?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis

if TYPE_CHECKING:
    from integration.openbao import OpenBao
    from rig import Rig


@pytest.fixture
def openbao() -> OpenBao:
    """A real OpenBao, with mount names of this test's own."""
    from integration.openbao import fresh

    return fresh()


@pytest.fixture
def sealed_openbao() -> Iterator[str]:
    """The address of a real, sealed, uninitialised OpenBao on raft storage."""
    from integration.openbao import sealed

    with sealed() as url:
        yield url


@pytest.fixture
def declared(store: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Rig]:
    """Declare a small fleet of the test's own; returns the rig to play it with."""
    from rig import build

    return partial(build, store, tmp_path / "fleet.yaml", monkeypatch)
