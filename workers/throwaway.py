"""Which settings does a throw-away fleet run under, whatever this shell's own fleet says?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from fleet import catalogue
from fleet.dispatcher import submit
from fleet.settings import load
from fleet.store.client import forget


@contextmanager
def settings(values: Mapping[str, str]) -> Iterator[None]:
    """Let exactly these `FLEET_` variables hold in this process and its children for the block."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("FLEET_")]:
        del os.environ[name]
    os.environ.update(values)
    anew()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        anew()


def anew() -> None:
    """Read settings and catalogue again, and open new connections."""
    load.cache_clear()
    catalogue.forget()
    submit.forget()
    forget()
