"""Where are reports kept, and who gets them?

In the state directory, as page, Markdown and JSON; and the channels that the alerts' route for `info` names hear of it in
one notification: the numbers, and what a human must still do.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from fleet.alerts import job
from fleet.alerts.deliver import tell
from fleet.alerts.message import Notification, Subject
from fleet.clock import utc
from fleet.reports import page, plots
from fleet.reports.facts import Span
from fleet.reports.gather import gather
from fleet.reports.lines import Report
from fleet.reports.sections import report
from fleet.settings import current


def make(span: Span, told: Callable[[str], None] = lambda _: None) -> tuple[Report, str]:
    """Return the report that ends now, and its page; `told` hears each of the three steps when it is done."""
    facts = gather(span)
    told("judging")
    done = report(facts)
    told("drawing")
    html = page.as_html(done, plots.draw(facts))
    told("writing")
    return done, html


def keep(done: Report, html: str) -> Path:
    """Write the report beside its predecessors; returns the page."""
    folder = current().state_dir / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / f"{done.span}-{utc(done.end):%Y%m%dT%H%M%SZ}.html"
    base.write_text(html)
    base.with_suffix(".md").write_text(page.as_markdown(done))
    base.with_suffix(".json").write_text(json.dumps(asdict(done), indent=2))
    for old in sorted(folder.glob(f"{done.span}-*.html"))[: -current().reports.keep]:
        for suffix in (".html", ".md", ".json"):
            old.with_suffix(suffix).unlink(missing_ok=True)
    return base


def send(done: Report) -> dict[str, str]:
    """Tell every channel that hears of `info`; returns channel -> how it went."""
    book = job.rules()
    answers: dict[str, str] = {}
    for name in book.routes.get("info", ()):
        channel = book.channels[name]
        secret = job.read_secret(channel.secret) if channel.secret else ""
        answers[name] = tell(notification(done, name), channel, secret).answer
    return answers


def notification(done: Report, channel: str) -> Notification:
    """Return the report as the notifiers carry it: numbers as evidence, open points as things to do."""
    evidence = tuple(
        (section.title, tuple(f"{line.label}: {line.value}" for line in section.lines)) for section in done.sections
    )
    open_points = tuple(f"{check.text} ({check.todo})" for check in done.checklist if not check.done)
    subject = Subject(f"{done.span} report", (), f"{len(open_points)} points to do", done.start, 1)
    return Notification(
        id=f"report-{done.span}-{int(done.end)}",
        cell=done.cell,
        channel=channel,
        kind="firing",
        rule=f"{done.span}_report",
        severity="info",
        summary=page.title(done),
        condition="the schedule",
        threshold="0 points",
        at=done.end,
        subjects=(subject,),
        total=1,
        evidence=evidence,
        first_things_to_try=open_points,
    )
