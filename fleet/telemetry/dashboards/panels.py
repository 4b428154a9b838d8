"""What is a panel, and how do panels become a dashboard?

Plain values in Grafana's own shape. Every dashboard has the same data source and refresh; panels flow left to right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

COLUMNS: Final = 24
DATA_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One question and its answer: `queries` are (expression, legend)."""

    title: str
    queries: tuple[tuple[str, str], ...]
    kind: Literal["timeseries", "stat", "gauge", "table"] = "timeseries"
    unit: str = "short"
    about: str = ""
    width: int = 8
    height: int = 8
    red_above: float | None = None
    red_below: float | None = None
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


def quantile(share: float, histogram: str, by: str = "", window: str = "5m", only: str = "") -> str:
    """Return the expression of a quantile of a histogram, split by a label."""
    labels = f"le, {by}" if by else "le"
    matchers = f"{{{only}}}" if only else ""
    return f"histogram_quantile({share:g}, sum by ({labels}) (rate({histogram}_bucket{matchers}[{window}])))"


def dashboard(
    uid: str, title: str, about: str, rows: Sequence[Row], variables: Sequence[tuple[str, str]] = ()
) -> dict[str, Any]:
    """Return the dashboard; `variables` are (name, label_values query)."""
    return {
        "uid": f"agent-fleet-{uid}",
        "title": f"Agent Fleet / {title}",
        "description": about,
        "tags": ["agent-fleet"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "links": [{"type": "dashboards", "tags": ["agent-fleet"], "title": "Agent Fleet", "asDropdown": True}],
        "templating": {"list": [_data_source(), *(_variable(name, query) for name, query in variables)]},
        "annotations": {"list": [_incidents()]},
        "panels": _layout(rows),
    }


def _data_source() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source", "hide": 0}


def _variable(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "query",
        "datasource": DATA_SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "refresh": 2,
        "sort": 1,
        "current": {"text": "All", "value": "$__all"},
    }


def _incidents() -> dict[str, Any]:
    return {
        "name": "Open incidents",
        "datasource": DATA_SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'sum by (severity) (fleet_incidents{status="firing"}) > 0',
        "titleFormat": "{{severity}} incident open",
    }


def _layout(rows: Sequence[Row]) -> list[dict[str, Any]]:
    placed: list[dict[str, Any]] = []
    y = 0
    for row in rows:
        placed.append(
            {
                "id": len(placed) + 1,
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "panels": [],
                "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
            }
        )
        y, x, tallest = y + 1, 0, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            position = {"x": x, "y": y, "w": panel.width, "h": panel.height}
            placed.append(_panel(panel, len(placed) + 1, position))
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
    return placed


def _panel(panel: Panel, number: int, position: dict[str, int]) -> dict[str, Any]:
    targets = [
        {
            "refId": chr(ord("A") + index),
            "datasource": DATA_SOURCE,
            "expr": expression,
            "legendFormat": legend,
            "exemplar": "_bucket" in expression,
            **({"format": "table", "instant": True} if panel.kind == "table" else {}),
        }
        for index, (expression, legend) in enumerate(panel.queries)
    ]
    custom: dict[str, Any] = {}
    if panel.kind == "timeseries":
        custom = {"fillOpacity": 10, "stacking": {"mode": "normal" if panel.stacked else "none"}}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": DATA_SOURCE,
        "gridPos": position,
        "targets": targets,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "custom": custom, "thresholds": _thresholds(panel), "min": 0},
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}} if panel.kind == "timeseries" else {},
    }


def _thresholds(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.red_above is not None:
        steps.append({"color": "red", "value": panel.red_above})
    if panel.red_below is not None:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": panel.red_below}]
    return {"mode": "absolute", "steps": steps}
