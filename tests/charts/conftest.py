"""The chart's tests run with their own tools: `make check-chart` (see toolbox.py). Elsewhere they are not collected."""

from __future__ import annotations

import sys
from pathlib import Path

OWN_TOOLS = Path(sys.prefix).resolve() == Path(__file__).resolve().parents[2] / ".venv-chart"
collect_ignore_glob = [] if OWN_TOOLS else ["test_*.py"]


def pytest_report_header() -> str:
    return "charts: judged here" if OWN_TOOLS else "charts: not collected here, run `make check-chart`"
