"""Does this worker really work? (exit code, for Kubernetes)"""

from __future__ import annotations

import sys

import click

from fleet.cli.answer import answer, json_option


@click.group()
def probe() -> None:
    """Tell by exit code whether a worker really works."""


@probe.command()
@click.argument("pool")
@click.option("--liveness", is_flag=True, help="Pass while the store does not answer: a restart would not mend it.")
@json_option
def worker(pool: str, liveness: bool, as_json: bool) -> None:
    """Tell whether this host's worker of POOL is on the roster, heartbeats, and consumes."""
    from fleet.errors import StoreUnavailable

    try:
        why = _why_not(pool)
    except StoreUnavailable as error:
        if not liveness:
            raise
        answer({"pool": pool, "works": None, "why": str(error)}, as_json, f"cannot tell: {error}")
        return
    answer({"pool": pool, "works": not why, "why": why}, as_json, why or "works")
    if why:
        sys.exit(1)


def _why_not(pool: str) -> str:
    import socket

    from fleet.health import glance
    from fleet.registry import roster
    from fleet.settings import current

    mine = [w for w in roster.workers() if w.pool == pool and w.hostname == socket.gethostname()]
    silent = [w for w in mine if w.silent_seconds > current().leases.lease_seconds]
    sick = {finding.subject for finding in glance.look(1).findings if finding.severity == "critical"}
    ghosts = [w.worker_id for w in mine if w.worker_id in sick]
    if not mine:
        return "not on the roster"
    if len(silent) == len(mine):
        return "silent"
    return f"ghost: {ghosts[0]}" if ghosts else ""
