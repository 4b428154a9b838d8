"""Which diagrams do the concept pages show? `python docs/pictures/draw.py` draws them; plain SVG, light and dark."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1f2937; } .small { font-size: 11px; fill: #6b7280; }
.box { fill: #f3f4f6; stroke: #9ca3af; } .good { fill: #d1fae5; stroke: #10b981; } .bad { fill: #fee2e2; stroke: #ef4444; }
.line { stroke: #6b7280; stroke-width: 1.5; fill: none; marker-end: url(#tip); } .dash { stroke-dasharray: 5 4; } #tip path { fill: #6b7280; }
@media (prefers-color-scheme: dark) { text { fill: #e5e7eb; } .small { fill: #9ca3af; } .box { fill: #1f2937; stroke: #6b7280; }
.good { fill: #064e3b; } .bad { fill: #7f1d1d; } .line { stroke: #9ca3af; } #tip path { fill: #9ca3af; } }
"""
TIP = '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker>'


def box(x: int, y: int, width: int, words: str, small: str = "", kind: str = "box", height: int = 48) -> str:
    middle = x + width / 2
    lines = f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="7"/>'
    lines += (
        f'<text x="{middle:g}" y="{y + (21 if small else height // 2 + 5)}" text-anchor="middle">{escape(words)}</text>'
    )
    return lines + (label(middle, y + 38, small, "middle") if small else "")


def label(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text class="small" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'


def arrow(*points: tuple[float, float], dashed: bool = False) -> str:
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    return f'<polyline class="line{" dash" if dashed else ""}" points="{path}"/>'


def bar(x: int, y: int, parts: list[tuple[int, str, str]]) -> str:
    drawn = ""
    for width, words, kind in parts:
        drawn += f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="26"/>'
        drawn += f'<text x="{x + width / 2:g}" y="{y + 18}" text-anchor="middle">{escape(words)}</text>'
        x += width
    return drawn


def picture(title: str, height: int, *shapes: str) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {height}" role="img" aria-label="{escape(title)}">'
    )
    body = "\n".join(shapes)
    return f"{head}\n<title>{escape(title)}</title>\n<style>\n{STYLE}</style>\n<defs>{TIP}</defs>\n{body}\n</svg>\n"


PICTURES = {
    "late-binding": picture(
        "A task is held, released to a free slot, runs, and is over",
        190,
        box(10, 20, 100, "submit", "admit, reserve"),
        arrow((110, 44), (136, 44)),
        box(136, 20, 124, "held", "in the store, by type"),
        arrow((260, 44), (350, 44)),
        label(304, 36, "a slot is free", "middle"),
        box(350, 20, 120, "released", "a Celery message", "good"),
        arrow((470, 44), (510, 44)),
        label(490, 36, "claim", "middle"),
        box(510, 20, 90, "running", "one attempt", "good"),
        arrow((600, 44), (630, 44)),
        box(630, 20, 80, "done", "failed, dead"),
        arrow((555, 68), (555, 120), (198, 120), (198, 68), dashed=True),
        label(330, 137, "retry, or the worker fell silent: held again, next attempt"),
        arrow((670, 68), (670, 165), (304, 165), (304, 50), dashed=True),
        label(490, 181, "the same script that ends a task releases the next one to its slot", "middle"),
    ),
    "fencing": picture(
        "Two attempts of one task; only the later one is believed",
        190,
        label(10, 38, "worker A"),
        box(90, 15, 130, "attempt 1 runs", height=34),
        box(220, 15, 190, "silent: frozen or cut off", kind="bad", height=34),
        box(410, 15, 120, "finishes late", kind="bad", height=34),
        arrow((530, 32), (590, 32)),
        label(596, 36, "fenced off"),
        arrow((330, 49), (330, 92), dashed=True),
        label(338, 74, "6 s without a heartbeat: the lease ends, held again as attempt 2"),
        label(10, 120, "worker B"),
        box(350, 97, 130, "attempt 2 runs", kind="good", height=34),
        arrow((480, 114), (590, 114)),
        label(596, 118, "accepted, settled"),
        arrow((90, 160), (700, 160)),
        label(700, 178, "time, by the store's clock", "end"),
    ),
    "targets": picture(
        "Signals become a target; KEDA or the local supervisor obeys it",
        170,
        box(10, 15, 150, "what waits and runs", "held + released + running"),
        box(10, 90, 150, "what is allowed", "budgets, quotas, limits"),
        arrow((160, 39), (220, 60)),
        arrow((160, 114), (220, 92)),
        box(220, 52, 130, "decide", "forecast, staffing", "good"),
        arrow((350, 76), (400, 76)),
        box(400, 52, 110, "target", "with its reason"),
        arrow((510, 66), (560, 39)),
        arrow((510, 86), (560, 114)),
        box(560, 15, 150, "KEDA", "starts and stops pods"),
        box(560, 90, 150, "fleet up", "starts and drains"),
        label(285, 130, "every 15 s, in beat; the decider is pure", "middle"),
    ),
    "budgets": picture(
        "A reservation moves money from what is left to reserved, and a settlement to spent",
        200,
        label(10, 33, "before"),
        bar(110, 15, [(180, "spent", "box"), (420, "left", "good")]),
        label(10, 93, "submit"),
        bar(110, 75, [(180, "spent", "box"), (120, "reserved", "bad"), (300, "left", "good")]),
        label(10, 153, "end"),
        bar(110, 135, [(250, "spent", "box"), (350, "left", "good")]),
        arrow((350, 44), (350, 72)),
        label(358, 62, "the estimate is set aside, or the task is refused: one atomic step"),
        arrow((330, 104), (330, 132)),
        label(338, 122, "what was really paid is booked, the rest is given back"),
        label(410, 184, "tasks that race never reserve more than is left", "middle"),
    ),
}

if __name__ == "__main__":
    for name, text in PICTURES.items():
        Path(__file__).with_name(f"{name}.svg").write_text(text)
