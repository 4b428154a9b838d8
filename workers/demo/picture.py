"""What does the demo show while it runs, and at the end?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from workers.demo.run import Report, Watch

MARKS = {"held": "·", "released": "»", "running": "▶", "done": "✓", "failed": "✗", "dead": "✗", "cancelled": "✗"}


@contextmanager
def progress(console: Console) -> Iterator[Watch]:
    """Show live what happens; where there is no terminal, a line per phase."""
    if not console.is_terminal:
        seen: set[str] = set()

        def tell(phase: str, _states: list[tuple[str, str]]) -> None:
            if phase not in seen:
                seen.add(phase)
                console.print(phase, highlight=False)

        yield tell
        return
    with Live(Text("starting"), console=console, refresh_per_second=8, transient=True) as live:

        def draw(phase: str, states: list[tuple[str, str]]) -> None:
            counts = Counter(state for _, state in states)
            lines = [phase + ("   " + "  ".join(f"{state} {count}" for state, count in counts.items()) if states else "")]
            lines += [f"  {MARKS.get(state, '?')} {title}" for title, state in states]
            live.update(Text("\n".join(lines)))

        yield draw


def table(report: Report) -> Table:
    """Return the result table."""
    shown = Table(title="Agent Fleet demo", title_justify="left")
    for head in ("task", "pool", "why", "wait s", "run s", "tokens", "USD", "outcome"):
        shown.add_column(head, justify="right" if head in ("wait s", "run s", "tokens", "USD") else "left", overflow="fold")
    for row in report.rows:
        style = "green" if row.state == "done" else "red"
        shown.add_row(
            row.title, row.pool, row.why, f"{row.wait_seconds:.2f}", f"{row.run_seconds:.2f}", str(row.tokens), row.cost_usd, Text(row.outcome, style=style)
        )  # fmt: skip
    return shown
