"""Which Celery task scans source?"""

from __future__ import annotations

from typing import Any

from workers.base import agent_task
from workers.run import Run
from workers.security_scanner.payload import SecurityAnalysis
from workers.security_scanner.scan import scan


@agent_task("security_analysis", payload=SecurityAnalysis)
def security_analysis(payload: SecurityAnalysis, run: Run) -> dict[str, Any]:
    """Scan the source with every engine there is; findings as SARIF."""
    return scan(payload, run)
