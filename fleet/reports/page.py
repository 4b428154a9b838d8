"""How is a report shown: as text, Markdown, or one page that needs nothing else, light or dark, printable?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

from fleet.clock import utc
from fleet.reports.lines import Check, Line, Report

CODE = re.compile(r"`([^`]+)`")
MARK = {True: "✔", False: "✘", None: ""}
STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#5b636d;--paper:#fff;--line:#d8dce2;--good:#1a7f37;--bad:#c0302a}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#a2a9b3;--paper:#14171b;--line:#353b44;--good:#58c27d;--bad:#ff7b72}}
@media print{:root{--ink:#000;--soft:#444;--paper:#fff;--line:#bbb;--good:#1a7f37;--bad:#c0302a}section{break-inside:avoid}body{margin:0;font-size:12px}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin:1.6rem 0 .4rem}a{color:inherit}code{font-family:ui-monospace,monospace;font-size:.92em}
table{border-collapse:collapse;width:100%;table-layout:fixed}td{overflow-wrap:anywhere}
th:nth-child(1){width:24%}th:nth-child(2){width:32%}th:nth-child(3){width:17%}th:nth-child(5){width:4%}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--soft)}.good{color:var(--good)}.bad{color:var(--bad)}.todo{color:var(--soft);padding-left:1.4rem}
ul{list-style:none;padding:0}li{padding:.1rem 0 .1rem 1.4rem;text-indent:-1.4rem}li *{text-indent:0}svg{width:100%;height:auto}
pre{white-space:pre-wrap;overflow-wrap:anywhere}.drawn{background:#fff}
@media(max-width:40rem){tr{display:block;padding:.3rem 0;border-bottom:1px solid var(--line)}tr:first-child{display:none}td{border:0;padding:0 .6rem 0 0}
td{display:inline}td:nth-child(1){display:block;font-weight:600}td:nth-child(3):not(:empty)::before{content:"before: "}
td:nth-child(4):not(:empty)::before{content:"goal: "}}
"""


def title(report: Report) -> str:
    return (
        f"Fleet {report.cell}: {report.span} report, {utc(report.start):%Y-%m-%d %H:%M} to "
        f"{utc(report.end):%Y-%m-%d %H:%M} UTC"
    )


def as_markdown(report: Report) -> str:
    """Return the report as Markdown; what a human must do comes first."""
    lines = [f"# {title(report)}", "", "## Checklist", ""]
    lines += [f"- [{'x' if check.done else ' '}] {_said(check)}" for check in _open_first(report)]
    for section in report.sections:
        lines += ["", f"## {section.title}", "", "| | now | before | goal | |", "|---|---|---|---|---|"]
        lines += [f"| {' | '.join(_linked(line))} |" for line in section.lines]
    return "\n".join(lines) + "\n"


def as_html(report: Report, plots: Mapping[str, str]) -> str:
    """Return the page; `plots` are SVG texts by title."""
    checks = "".join(map(_check, _open_first(report)))
    body = [f"<section><h2>Checklist</h2><ul>{checks}</ul></section>"]
    for section in report.sections:
        rows = "".join(_row(line) for line in section.lines)
        heads = "<tr><th></th><th>now</th><th>before</th><th>goal</th><th></th></tr>"
        body.append(f"<section><h2>{escape(section.title)}</h2><table>{heads}{rows}</table></section>")
    body += [f"<section><h2>{escape(name)}</h2>{svg}</section>" for name, svg in plots.items()]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title(report))}</title>'
    return (
        f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head>'
        f"<body><h1>{escape(title(report))}</h1>{''.join(body)}</body></html>"
    )


def _open_first(report: Report) -> list[Check]:
    return sorted(report.checklist, key=lambda check: check.done)


def _said(check: Check) -> str:
    return f"{check.text} (to do: {check.todo})" if check.todo else check.text


def _check(check: Check) -> str:
    mark = f'<span class="{"good" if check.done else "bad"}">{MARK[check.done]}</span>'
    typed = CODE.sub(r"<code>\1</code>", escape(check.todo))
    todo = f'<div class="todo">{typed}</div>' if typed else ""
    return f"<li>{mark} {escape(check.text)}{todo}</li>"


def _cells(line: Line) -> tuple[str, ...]:
    return line.label, line.value, line.before, line.goal, MARK[line.ok]


def _linked(line: Line) -> tuple[str, ...]:
    label, value, *others = (cell.replace("|", "/") for cell in _cells(line))
    return label, f"[{value}]({line.link})" if line.link else value, *others


def _row(line: Line) -> str:
    colour = {True: "good", False: "bad", None: ""}[line.ok]
    *cells, mark = map(escape, _cells(line))
    if line.link:
        cells[1] = f'<a href="{escape(line.link)}">{cells[1]}</a>'
    return f'<tr>{"".join(f"<td>{cell}</td>" for cell in cells)}<td class="{colour}">{mark}</td></tr>'
