"""What does Prometheus say while a version has the traffic?

Looks, asks `goals` for the verdict, waits; ends at the first breach. The fleet's metrics describe a whole cell, so they
are read from one page only: the track's own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import httpx

from fleet.release.goals import Goals, Look, judge
from fleet.release.verdict import Verdict

TIMEOUT_SECONDS = 10.0
ENDED = 'fleet_tasks_finished_total{{outcome!="cancelled"{more}}}'
QUERIES = {
    "seen": "count(fleet_tasks{{{own}}})",
    "tasks": f"sum(increase({ENDED}[{{window}}]))",
    "success_rate": 'sum(rate(fleet_tasks_finished_total{{outcome="done"{more}}}[{window}]))'
    f" / sum(rate({ENDED}[{{window}}]))",
    "p95_seconds": "histogram_quantile(0.95, sum by (le) (rate(ai_agent_response_time_seconds_bucket{{{own}}}[{window}])))",
    "error_rate": '(sum(rate(fleet_gateway_requests_total{{code="5xx"{more}}}[{window}])) or vector(0))'
    " / sum(rate(fleet_gateway_requests_total{{{own}}}[{window}]))",
}


def of_track(track: str) -> str:
    """Return the selector of the track's own metrics page."""
    return f'service="{track}-metrics"' if track else ""


def queries(selector: str, window_seconds: float) -> dict[str, str]:
    """Return the field of a look -> its PromQL."""
    more = f",{selector}" if selector else ""
    window = f"{window_seconds:g}s"
    return {name: text.format(own=selector, more=more, window=window) for name, text in QUERIES.items()}


def look(client: httpx.Client, asked: dict[str, str]) -> Look:
    """Measure once."""
    answers = {}
    try:
        for name, query in asked.items():
            answers[name] = _value(client, query)
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        return Look(problem=f"Prometheus does not answer: {error!r}")
    return Look(
        answers["seen"] is not None, answers["tasks"] or 0.0, answers["success_rate"], answers["p95_seconds"], answers["error_rate"]
    )  # fmt: skip


def watch(
    prometheus: str,
    seconds: float,
    goals: Goals,
    *,
    selector: str = "",
    every_seconds: float = 10.0,
    window_seconds: float = 60.0,
    tell: Callable[[Look], None] = lambda _look: None,
) -> Verdict:
    """Look every few seconds until the time is over or a goal is breached."""
    asked, looks, until = queries(selector, window_seconds), list[Look](), time.monotonic() + seconds
    with httpx.Client(base_url=prometheus.rstrip("/"), timeout=TIMEOUT_SECONDS) as client:
        while True:
            looks.append(look(client, asked))
            tell(looks[-1])
            left = until - time.monotonic()
            if (verdict := judge(looks, goals, is_over=left <= 0)) is not None:
                return Verdict(verdict.ok, verdict.reason, {"looks": len(looks), "last": looks[-1]})
            time.sleep(min(every_seconds, max(left, 0)))


def _value(client: httpx.Client, query: str) -> float | None:
    """Return the one number of an instant query, or None when there is none."""
    answer = client.get("/api/v1/query", params={"query": query})
    document = answer.json()
    if document.get("status") != "success":
        raise ValueError(f"{document.get('error', answer.status_code)} in {query}")
    result = document["data"]["result"]
    value = float(result[0]["value"][1]) if result else math.nan
    return None if math.isnan(value) else value
