"""Which real servers may an integration test ask for, beside the broker?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from integration.openbao import OpenBao


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
