"""Agent Fleet: AI-agent work in production on Celery.

The public API is small: `submit`, `submit_many` and the handle they return. Names are resolved on first use so that
`import fleet` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fleet.dispatcher.handle import TaskHandle as TaskHandle
    from fleet.dispatcher.submit import submit as submit
    from fleet.dispatcher.submit import submit_many as submit_many

__all__ = ["TaskHandle", "submit", "submit_many"]
__version__ = "0.1.0"

_HOMES = {
    "submit": "fleet.dispatcher.submit",
    "submit_many": "fleet.dispatcher.submit",
    "TaskHandle": "fleet.dispatcher.handle",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fleet' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
