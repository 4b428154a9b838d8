"""How does somebody at a terminal say how long, or since when?"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

import click

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


class Duration(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """`90s`, `15m`, `2h`, `1d`, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = _DURATION.fullmatch(str(value))
        if not found:
            self.fail(f"{value!r} is no duration: write 90s, 15m, 2h or 1d", param, ctx)
        return float(found[1]) * _UNITS[found[2]]


class Moment(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """`2h` ago, or a date and time (UTC unless it says otherwise), in seconds since the epoch."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        text = str(value)
        if found := _DURATION.fullmatch(text):
            return datetime.now(UTC).timestamp() - float(found[1]) * _UNITS[found[2]]
        try:
            then = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{value!r} is no time: write 2h (ago), 2026-11-27 or 2026-11-27T03:00", param, ctx)
        return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()
