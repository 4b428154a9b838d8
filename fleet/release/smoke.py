"""Does a track do work? Asked at its own front door, as any producer would ask."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

import httpx

from fleet.release.verdict import Verdict

TIMEOUT_SECONDS = 30.0
WAIT_SECONDS = 20.0
OVER = frozenset({"done", "failed", "dead", "cancelled"})

SMALL: Mapping[str, Mapping[str, Any]] = {
    "security_analysis": {"files": {"greeting.py": "def greet(name: str) -> str:\n    return 'hello ' + name\n"}},
}
"""The task types that can be tried anywhere: no money, no target, no outside world."""


def smoke(url: str, api_key: str, tasks: Mapping[str, Mapping[str, Any]], within_seconds: float = 120.0) -> Verdict:
    """Ask whether the gateway is ready, submit one task of each type and expect each one done."""
    headers = {"authorization": f"Bearer {api_key}"}
    with httpx.Client(base_url=url.rstrip("/"), timeout=TIMEOUT_SECONDS, headers=headers) as client:
        try:
            if (ready := client.get("/ready")).status_code != 200:
                return Verdict(False, f"the gateway is not ready: {_told(ready)}")
            until = time.monotonic() + within_seconds
            sent = {task_type: _submit(client, task_type, payload) for task_type, payload in tasks.items()}
            ends = {name: _end(client, one, until) if isinstance(one, str) else one for name, one in sent.items()}
        except httpx.HTTPError as error:
            return Verdict(False, f"the gateway at {url} does not answer: {error!r}")
    bad = [f"{name}: {end['reason'] or end['state']}" for name, end in ends.items() if end["state"] != "done"]
    if bad:
        return Verdict(False, "; ".join(bad), {"tasks": ends})
    return Verdict(True, f"{len(ends)} tasks done: {', '.join(ends)}", {"tasks": ends})


def _submit(client: httpx.Client, task_type: str, payload: Mapping[str, Any]) -> str | dict[str, Any]:
    """Return the task's id, or the end it had at the door."""
    body = {"task_type": task_type, "payload": payload, "priority": 9, "idempotency_key": f"smoke-{uuid.uuid4()}"}
    answer = client.post("/api/v1/tasks", json=body)
    if answer.status_code != 202:
        return {"state": "refused", "reason": _told(answer), "task_id": ""}
    return str(answer.json()["task_id"])


def _end(client: httpx.Client, task_id: str, until: float) -> dict[str, Any]:
    """Wait for the task's end; what it is when the time is over is its end for us."""
    while True:
        wait = max(0.0, min(WAIT_SECONDS, until - time.monotonic()))
        answer = client.get(f"/api/v1/tasks/{task_id}", params={"wait_seconds": round(wait, 1)})
        if answer.status_code != 200:
            return {"state": "unknown", "reason": _told(answer), "task_id": task_id}
        record = answer.json()
        if record["state"] in OVER:
            return {"state": record["state"], "reason": record.get("reason") or "", "task_id": task_id}
        if wait <= 0:
            return {"state": record["state"], "reason": f"still {record['state']} when the time was over", "task_id": task_id}


def _told(answer: httpx.Response) -> str:
    try:
        document = answer.json()
    except ValueError:
        return f"{answer.status_code} {answer.text[:200]}"
    return f"{answer.status_code} {document.get('detail') or document.get('title') or document}"
