"""Where are plans kept, and which is the newest? (beside the reports that link to them)"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from html import escape
from io import BytesIO
from pathlib import Path

from fleet import catalogue
from fleet.clock import utc
from fleet.reports.facts import PlanFacts
from fleet.reports.page import STYLE
from fleet.settings import Settings
from fleet.simulation.planning import plots
from fleet.simulation.planning.make import plan
from fleet.simulation.planning.past import Past, gather
from fleet.simulation.planning.plan import Plan
from fleet.simulation.planning.words import said
from fleet.store.client import Client


def make(client: Client, settings: Settings) -> tuple[Path, Plan]:
    """Plan the next month from the fleet's own past, and keep it; returns its page."""
    declared = catalogue.current()
    past = gather(client, settings, declared.pools)
    done = plan(past, declared, settings)
    return keep(done, past, settings), done


def keep(done: Plan, past: Past, settings: Settings) -> Path:
    """Write page and JSON, forget all but the newest; returns the page."""
    folder = settings.state_dir / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"plan-{utc(done.made_at):%Y%m%dT%H%M%SZ}.html"
    page.write_text(as_html(done, past))
    page.with_suffix(".json").write_text(json.dumps(asdict(done), indent=2, default=str))
    for old in sorted(folder.glob("plan-*.html"))[: -settings.reports.keep]:
        for suffix in (".html", ".json"):
            old.with_suffix(suffix).unlink(missing_ok=True)
    return page


def newest(settings: Settings, now: float | None = None) -> PlanFacts | None:
    """Return what the newest kept plan proposes; None when there is none, or it is of a month that is over."""
    for page in sorted((settings.state_dir / "reports").glob("plan-*.html"), reverse=True):
        try:
            row = json.loads(page.with_suffix(".json").read_text())
        except (OSError, ValueError):
            continue  # half written, or somebody took it away
        if row["month"] < f"{utc(time.time() if now is None else now):%Y-%m}":
            return None
        proposals = [
            f"pool {pool['pool']}: {', '.join(f'{name}: {value}' for name, value in one['changes'].items())} ({one['kind']})"
            for pool in row["pools"]
            for one in pool["proposals"]
        ]
        return PlanFacts(row["month"], float(row["made_at"]), page.name, proposals)
    return None


def as_html(done: Plan, past: Past) -> str:
    """Return the plan as one page that needs nothing else."""
    drawn = BytesIO()
    plots.figure(done, past).savefig(drawn, format="svg")
    text = drawn.getvalue().decode()
    title = escape(f"Plan for {done.month}")
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    words = escape("\n".join(said(done)))
    picture = f'<div class="drawn">{text[text.index("<svg"):]}</div>'
    return (
        f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head>'
        f"<body><h1>{title}</h1><pre>{words}</pre>{picture}</body></html>"
    )
