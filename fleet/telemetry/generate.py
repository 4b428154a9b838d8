"""Which texts are derived from the metrics table?

The bucket bounds inside `metrics.lua` and the reference page; run `python -m fleet.telemetry.generate` after a change.
A test compares both with what stands in the files.
"""

from __future__ import annotations

import re
from pathlib import Path

from fleet.telemetry.metric import Feed, Kind
from fleet.telemetry.metrics import TABLE

LUA = Path(__file__).with_name("metrics.lua")
PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
_BLOCK = re.compile(r"(-- generated from [^\n]*\n).*?(-- end of generated)", re.DOTALL)


def lua_with_buckets(text: str) -> str:
    """Return the Lua text with its bucket table made anew."""
    bounds: dict[tuple[float, ...], list[str]] = {}
    for metric in TABLE:
        if metric.kind is Kind.HISTOGRAM:
            bounds.setdefault(metric.buckets, []).append(metric.name)
    lines = ["local BUCKETS = {}"]
    for buckets, names in bounds.items():
        lines.append("do")
        lines.append(f"  local bounds = {{{', '.join(f'{bound:g}' for bound in buckets)}}}")
        lines += [f"  BUCKETS['{name}'] = bounds" for name in names]
        lines.append("end")
    return _BLOCK.sub(lambda match: match.group(1) + "\n".join(lines) + "\n" + match.group(2), text)


def page() -> str:
    """Return the reference page: one row per metric."""
    rows = [
        "# Metrics",
        "",
        "Made from the metrics table. *counted*: incremented in the Redis script that makes the fact true.",
        "*derived*: read from the fleet's state when asked, so a worker that left leaves the metrics too.",
        "",
        "| name | type | labels | fed | meaning |",
        "|---|---|---|---|---|",
    ]
    for metric in TABLE:
        labels = ", ".join(f"`{label.name}` ({', '.join(label.values) or label.bound})" for label in metric.labels)
        fed = "counted" if metric.feed is Feed.COUNTED else "derived"
        rows.append(f"| `{metric.name}` | {metric.kind} | {labels or 'none'} | {fed} | {metric.help} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    LUA.write_text(lua_with_buckets(LUA.read_text()))
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
