"""Which real tasks does the demo submit?

Functions written by the local model and executed against checks, scans of this project's own source and of a planted
vulnerable sample, and load tests of a server the demo runs.
"""

from __future__ import annotations

import base64
import io
import tarfile
from pathlib import Path

from fleet.dispatcher.submit import TaskRequest
from workers.code_generator.samples import SAMPLES
from workers.security_scanner.samples import VULNERABLE_SHOP

PROJECT = Path(__file__).resolve().parents[2]
PLANTED = "planted sample"
CODE_TASKS = 6


def tasks(target: str) -> list[tuple[str, TaskRequest]]:
    """Return (title, request) of every demo task; `target` is the URL of the demo's own server."""
    generate = [
        (f"write {sample.name}", TaskRequest("code_generation", sample.payload, tenant="platform", complexity=0.2, priority=6))
        for sample in SAMPLES[:CODE_TASKS]
    ]
    scans = [
        (f"scan the {PLANTED}", TaskRequest("security_analysis", {"files": dict(VULNERABLE_SHOP)}, tenant="security", priority=7)),
        ("scan it as an archive", TaskRequest("security_analysis", {"archive": _archive(VULNERABLE_SHOP), "engines": ["bandit"]}, tenant="security")),
        ("scan fleet/dispatcher", TaskRequest("security_analysis", _path("fleet/dispatcher"), tenant="security")),
        ("scan workers/sandbox", TaskRequest("security_analysis", _path("workers/sandbox"), tenant="security")),
    ]
    loads = [
        (f"load at {rate}/s", TaskRequest("performance_test", _load(target, rate), tenant="platform")) for rate in (20, 50, 100)
    ]
    return [*scans, *generate, *loads]


def _path(name: str) -> dict[str, object]:
    return {"path": str(PROJECT / name), "engines": ["bandit", "detect_secrets"]}


def _load(target: str, rate: int) -> dict[str, object]:
    return {
        "url": target, "rate_per_second": rate, "duration_seconds": 2, "connections": 8,
        "thresholds": {"p95_ms": 1000, "error_rate": 0.01},
    }  # fmt: skip


def _archive(files: dict[str, str]) -> str:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return base64.b64encode(packed.getvalue()).decode()
